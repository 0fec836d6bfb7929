"""The HTTP API: a route accepts the contract, calls one service and returns the contract."""
