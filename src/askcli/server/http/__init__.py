"""The HTTP layer below the routes: protocol, hosts, middleware."""
