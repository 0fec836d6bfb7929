"""Schemas of request bodies and parameters."""
