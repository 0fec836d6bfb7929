"""What is stored of this process's answers: their text as it grows, and their ends."""
