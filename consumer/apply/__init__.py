"""Apply: a record becomes an event, and a batch of events what Postgres holds, in one transaction. No loop is here."""
