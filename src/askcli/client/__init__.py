"""The HTTP client: one method an endpoint, the tokens, and the local server on demand."""
