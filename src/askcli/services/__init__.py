"""What the product does; no HTTP and no SQL text."""
