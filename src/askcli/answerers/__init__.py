"""Sources of answers: the protocol of an answerer, and its implementations."""
