"""Local models: the catalogue, and downloading them."""
