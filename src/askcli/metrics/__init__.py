"""Metrics of a server, as Prometheus reads them."""
