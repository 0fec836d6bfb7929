"""Traces of a server, as OpenTelemetry's collectors take them."""
