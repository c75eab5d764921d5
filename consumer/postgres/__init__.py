"""Postgres: connections, statements, migrations, installing the reports. The SQL itself is in `sql/`."""
