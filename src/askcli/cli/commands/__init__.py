"""The commands: each connects, calls and prints."""
