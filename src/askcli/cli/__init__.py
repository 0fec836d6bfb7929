"""A command connects, calls, prints."""
