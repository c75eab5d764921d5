"""Common: what every room may use. It knows nothing of records, tables or webhooks."""
