"""Local models: catalogue and download."""
