"""Whether events overtook one another in a handler with `in_order=True`.

1. An event has its turn from its first run until it is done or dead. No run of an event that was
   accepted later, by the same device, may begin meanwhile.
2. A run shows by the one that follows that the turn was not over: either it failed, and the next
   has the next number, or its worker was killed under it. A run that was through, or failed for the
   last time, and was repeated because that had not been written, does not: its worker knew that the
   turn was over, and may have gone on.
3. A dead letter that is tried again by hand has another turn, from its first run after that: later
   events may have run before.
4. What a worker without its lease does shows nothing (see `excuses`).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise

from tests.soak.excuses import Excuses
from tests.soak.history import Resumed, Run


def overtakings(
    line: Sequence[Sequence[Run]], resumed: Iterable[Resumed], excuses: Excuses
) -> Iterator[tuple[Run, Run, Run]]:
    """Return two runs of an event, and one of a later event that began between them.

    `line`: the runs of a handler for each event of a device, in the order of acceptance.
    """
    given_again: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in resumed:
        given_again[one.event_id, one.handler].append(one.since)
    begun = sorted(
        ((run.began, place, run) for place, runs in enumerate(line) for run in runs),
        key=lambda one: one[:2],
    )
    for place, runs in enumerate(line):
        for run, following in pairwise(runs):
            breaks = given_again.get((run.event_id, run.handler), ())
            if any(run.began < since <= following.began for since in breaks):
                continue
            if not _in_one_turn(run, following, excuses):
                continue
            first = bisect_right(begun, run.began, key=lambda one: one[0])
            for began, other, between in islice(begun, first, None):
                if began >= following.began:
                    break
                if other > place and not excuses.adrift(between):
                    yield run, following, between


def _in_one_turn(run: Run, following: Run, excuses: Excuses) -> bool:
    if excuses.adrift(run) or excuses.adrift(following):
        return False
    return following.attempt == run.attempt + 1 or run.ended is None
