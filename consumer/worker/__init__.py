"""Worker: takes records to rows or dead letters, as a member of the consumer group. Commands are not here."""
