"""The commands described: completion, man pages, docs/cli.md and help topics, all from one tree."""
