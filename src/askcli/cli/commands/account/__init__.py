"""A person's account: register, log in and out, passwords, tokens."""
