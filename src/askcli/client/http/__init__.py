"""HTTP to one server: connections, bounds and deadlines; nothing here knows of accounts."""
