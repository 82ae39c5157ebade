"""What Bellhop costs, beside what a user would pick instead, measured. `make bench` runs it."""
