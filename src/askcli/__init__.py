"""Ask a language model from the terminal, through a server that your team owns.

cli              commands: each connects, calls and prints
client           HTTP client: transport, tokens, the local server on demand
server           HTTP API: a route accepts the contract, calls one service, returns the contract
services         what the product does: auth, questions, runs, usage
answerers        sources of answers: Anthropic, a local model, a script
local_models     catalogue and download of local models
store            tables and queries, on SQLite or PostgreSQL
problems         errors as problem documents (RFC 9457)
contract         shapes, events and headers of the API
settings         all settings, read once
search_terms     splitting of texts and queries for search
normalization    Unicode normalization of texts of any length
event_decoder    server-sent events from bytes
fair_queue       a queue in which users take turns
files            private files and locks
metrics          what a server counts, as Prometheus reads it
server_process   starting a server process
signals          what is done where a signal comes
traces           what a server does for a request, as OpenTelemetry's collectors take it
errors           the error tree

Imports point down this list, never up (`lint-imports` proves it).
"""

__version__ = "0.1.0"
