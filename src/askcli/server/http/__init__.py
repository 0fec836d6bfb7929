"""HTTP around the routes: middleware, hosts, bodies, and the checks before a route."""
