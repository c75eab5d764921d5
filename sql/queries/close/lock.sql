-- The closing lock, exclusively: nobody is booking, and whoever wants to waits for us. The key is that of books/enter.
SELECT pg_advisory_xact_lock(7305718091)
