"""What is written to a terminal, and what may change there: lines, spinners, live regions."""
