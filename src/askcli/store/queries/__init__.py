"""Queries: functions of a connection, a module for each subject; each names the user it serves."""
