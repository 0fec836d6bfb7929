"""Accounts, sessions, tokens and the limits on guessing them."""
