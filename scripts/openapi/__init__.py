"""The parts of `compare-openapi`: reading a file, comparing it with the models, printing lines."""
