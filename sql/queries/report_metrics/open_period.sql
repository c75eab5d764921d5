-- For how many days the oldest open month of any account that closes its months has been over, everywhere; 0 while none is.
SELECT greatest(0, coalesce(max(extract(epoch FROM now() - (month + interval '2 months 12 hours') AT TIME ZONE 'UTC')), 0)) / 86400
FROM giftcert.closed_period
