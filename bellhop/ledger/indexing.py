"""Events that came lately are made findable before anybody looks for them.

The foreman does it every second. A reader that did not do it, too, would miss the last second's.
"""

from bellhop.ledger import keys
from bellhop.ledger.calls import INDEX, index
from bellhop.ledger.steps import Steps

AT_A_TIME = 500
"""Events that are indexed in one call: it takes some milliseconds, for which others wait."""


def index_all() -> Steps[None]:
    """Have every event that was accepted by now found by what it is about."""
    while True:
        [waiting] = yield [("LLEN", keys.UNINDEXED)]
        if not waiting:
            return
        yield [("EVAL", INDEX.source, 1, keys.PREFIX, *index(AT_A_TIME, None).arguments)]
