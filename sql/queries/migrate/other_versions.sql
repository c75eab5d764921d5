-- Workers that are connected to this database and are not called $1.
SELECT pid, usename, application_name
FROM pg_stat_activity
WHERE datname = current_database()
    AND application_name ~ '^giftledger( |$)'
    AND application_name <> $1
    AND pid <> pg_backend_pid()
ORDER BY backend_start
