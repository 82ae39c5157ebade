"""How many examples hypothesis tries: few in `make test`, all in `make soak`."""

from hypothesis import settings

ALL = 100
"""Hypothesis' own number, of the profile `thorough`."""

FEW = 25


def examples(number: int) -> int:
    """Return how many of so many examples the profile in use tries."""
    return max(2, number * settings.default.max_examples // ALL)  # type: ignore[union-attr]
