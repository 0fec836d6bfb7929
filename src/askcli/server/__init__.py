"""The HTTP API: a route accepts the contract, calls one service, returns the contract."""
