-- Which station owes which, for what was redeemed last month?
SELECT issuing_station_id, issuing_station_name, redeeming_station_id, redeeming_station_name, currency, redeemed, redemptions
FROM reporting.interlocation_settlement
WHERE month = date_trunc('month', now() - interval '1 month')::date
    AND issuing_station_id IS DISTINCT FROM redeeming_station_id
ORDER BY redeemed DESC;
