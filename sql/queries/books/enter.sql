-- The closing lock, shared: whoever books holds it to the end of his transaction, and takes it before he reads anything.
-- Its key is of this database and of nothing else of ours. Rows are found by their keys, whatever the plan knows of tables.
SELECT pg_advisory_xact_lock_shared(7305718091);
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_seqscan = off
