"""What Bellhop costs, measured. `make bench` runs it."""
