"""Ids as people give them: whole, or their first characters."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from itertools import islice

from bellhop.errors import BellhopError
from bellhop.events.masking import printable
from bellhop.hooks import shown_id
from bellhop.nearest import did_you_mean

_FIRST = 4
"""How many characters of a wrong id are believed, to find those near it."""

_MOST = 1_000
_NAMED = 3


class AmbiguousId(BellhopError):
    """Several ids begin as the one that was given."""


class NoId(BellhopError):
    """What was given cannot be an id."""


def whole_id(
    given: str, beginning: Callable[[str], Iterable[str]], missing: Callable[[str], BellhopError]
) -> str:
    """Return the id that begins with `given`.

    beginning: returns the ids that begin with a text. missing: returns the error for an id that
    there is not, of which the message may end with a hint. Raises that, `AmbiguousId`, and
    `NoId`: with an empty id, `dead drop "$ID"` would drop the only dead letter.
    """
    if not given.strip():
        raise NoId("the id is empty: give at least its first characters")
    if not given.isprintable():
        raise NoId("the id holds what no id does: give its first characters, as they are listed")
    found = sorted(set(islice(beginning(given), _MOST)))
    if given in found:
        return given
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(printable(shown_id(one)) for one in found[:_NAMED])
        others = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise AmbiguousId(f"{given}: several ids begin so: {named}{others}; give more of it")
    known = {one[: len(given)]: one for one in islice(beginning(given[:_FIRST]), _MOST)}
    near = [printable(known[one]) for one in get_close_matches(given, known, n=_NAMED, cutoff=0.7)]
    raise missing(f"; {did_you_mean(near)}" if near else "")
