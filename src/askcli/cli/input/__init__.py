"""Input of commands: options, ids, files, stdin, prompts."""
