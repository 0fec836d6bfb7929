"""Quotas, and what questions cost."""
