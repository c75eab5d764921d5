-- What happened to one certificate?
SELECT position, occurred_at, movement, entry, change, balance_after, is_inferred, station_name, booked_at
FROM reporting.certificate_activity
WHERE certificate_id = '60c921a917bda93f5c896b00'
ORDER BY position, line;
