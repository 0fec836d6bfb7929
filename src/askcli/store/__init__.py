"""Tables and queries, on SQLite or PostgreSQL."""
