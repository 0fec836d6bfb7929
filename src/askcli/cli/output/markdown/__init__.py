"""Markdown at a terminal: blocks as they become complete, their elements, and rows of text."""
