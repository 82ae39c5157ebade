"""How much later than promised something may happen, since other tests run beside it."""

import os


def slack() -> float:
    """Return the seconds by which a busy machine may be late, where a test says how long it takes.

    Limits of seconds hold for idle machines; those that run tests are none.
    """
    return 2 * os.getloadavg()[0]
