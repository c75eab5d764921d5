-- What happened to one certificate?
SELECT position, occurred_at, movement, change, balance_after, is_inferred, station_name
FROM reporting.certificate_activity
WHERE certificate_id = '60c921a917bda93f5c896b00'
ORDER BY position;
