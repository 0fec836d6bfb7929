"""The server's processes: listening, workers, graceful stop."""
