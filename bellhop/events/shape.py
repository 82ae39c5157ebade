"""What may be told of a value that nobody knows, where the value itself may be a secret."""


def shape_of(value: object) -> str:
    """Return the type of a value that came as JSON, and how long a string is."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return f"a string of {len(value)} character{'' if len(value) == 1 else 's'}"
        case list():
            return "a list"
        case int() | float():
            return "a number"
    return "an object"
