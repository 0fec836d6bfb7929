"""Calls of a model for one answer: deadlines, retries, and what is known of each try."""
