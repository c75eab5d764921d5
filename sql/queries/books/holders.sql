-- The other transactions that hold the closing lock of this database; each has a name that is never used again.
SELECT virtualtransaction
FROM pg_locks
WHERE locktype = 'advisory'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32) + objid::bigint = 7305718091
    AND objsubid = 1
    AND granted
    AND pid <> pg_backend_pid()
