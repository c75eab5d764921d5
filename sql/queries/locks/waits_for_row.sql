-- Whether a session ($1, its pid) waits for a row that another one has locked, and not for a table or an advisory lock:
-- a row in a long transaction is waited for as the end of that transaction, by the first in the queue, or as the place
-- in the queue. Gives whom it waits for; no row where it waits for nobody.
SELECT pg_blocking_pids($1) AS blockers
FROM pg_locks
WHERE pid = $1 AND NOT granted AND locktype IN ('transactionid', 'tuple')
LIMIT 1
