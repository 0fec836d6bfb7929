"""Copies of a database: into another database, into a file, and back."""
