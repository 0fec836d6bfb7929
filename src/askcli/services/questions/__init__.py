"""Asking questions and reading them back."""
