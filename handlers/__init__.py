"""Your room: every module in here is loaded, and its @on functions are your handlers."""
