"""Answers of other processes that are followed here, and the processes that follow ours."""
