"""Ask a language model from the terminal, through a server that your team owns.

cli        a command connects, calls, prints
client     speaks HTTP to the API: transport, tokens, the local server on demand
server     the API: a route accepts, calls one service, returns
services   what the product does: accounts, sessions, questions, runs
answerers  where answers come from: Anthropic, a local model, a script
store      what is kept, in SQLite or PostgreSQL
contract   what client and server say to each other; with errors, all that they share

Imports point down this list, never up (`lint-imports` proves it).
"""

__version__ = "0.1.0"
