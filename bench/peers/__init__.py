"""What is measured: Bellhop, and what a user would pick instead. A file for each."""
