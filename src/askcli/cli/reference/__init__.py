"""Documentation made from the command tree: completion, man pages, docs/cli.md, help topics."""
