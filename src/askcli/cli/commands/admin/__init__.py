"""Commands for the host of a server, on the machine that has its database."""
