"""Events made from the facts and then changed in a known way: each `Change` says where, and how.

Some changes leave an event that is accepted, with drift; after others it is no event any more.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hypothesis import strategies as st

from bellhop.events.masking import is_secret_name
from tests.bellhop.events_from_facts import (
    CODES,
    ENDS,
    JSON,
    MARK,
    NAMES,
    SECRET,
    WORDS,
    Event,
    Fact,
    facts_of,
    ids_of,
)

MISSING = object()
Place: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True)
class Change:
    """A place in an event, and what stands there when it is changed."""

    place: Place
    value: Any
    kind: str
    """What kind of drift it is; how its problem begins, of what is no event."""

    @property
    def field(self) -> str:
        """The name of the field, without its numbers in lists."""
        return ".".join(step for step in self.place if isinstance(step, str))

    def overlaps(self, other: "Change") -> bool:
        """Say whether one of the two undoes the other."""
        shared = min(len(self.place), len(other.place))
        return self.place[:shared] == other.place[:shared]


def changed(event: Event, *changes: Change) -> Event:
    """Return the event with the changes made."""
    event = copy.deepcopy(event)
    for change in changes:
        owner: Any = event
        for step in change.place[:-1]:
            owner = owner[step]
        if change.value is MISSING:
            del owner[change.place[-1]]
        else:
            owner[change.place[-1]] = change.value
    return event


def known_names(event_type: str) -> set[str]:
    """Return the names of all properties of a type, and of those inside of them."""
    facts = facts_of(event_type)
    inside = (fact.inside or (fact.item and fact.item.inside) or {} for fact in facts.values())
    return set(facts).union(*inside)


def differences(
    event: Event, name: str = "new_field", value: object = 1, word: str = "palm_vein"
) -> Iterator[Change]:
    """Yield every change of one thing that leaves the event one that is accepted.

    `name` and `value` are of the field that nobody knows, `word` is the value.
    """
    event_type = event["event_type"]
    needed = {(name,) for name in ids_of(event_type)}
    for place, owner, facts in _objects_in(event, facts_of(event_type)):
        yield Change((*place, name), value, "unknown_field")
        for known, fact in facts.items():
            here = (*place, known)
            if here in needed:
                continue
            # Of a property that is not told, `from` and `to` would become secrets.
            if known == "property" and owner[known] not in SECRET:
                continue
            if fact.required:
                yield Change(here, MISSING, "missing_field")
            if not fact.nullable:
                yield Change(here, None, "unexpected_null")
            # Of another property, `from` and `to` would be no secrets.
            if fact.enum and not (known == "property" and owner[known] in SECRET):
                yield Change(here, word, "unknown_value")


def allowed(event: Event) -> Iterator[Change]:
    """Yield every change to another value that Seam's schema names: of enums, and null."""
    for place, _, facts in _objects_in(event, facts_of(event["event_type"])):
        for name, fact in facts.items():
            for word in fact.enum:
                yield Change((*place, name), word, "")
            if fact.nullable:
                yield Change((*place, name), None, "")


@st.composite
def drifting(draw: st.DrawFn, event: Event) -> tuple[Event, list[Change]]:
    """Change an event in ways that leave it accepted, and return it with what was changed."""
    known = known_names(event["event_type"])
    taken = known | ENDS
    name = draw((st.sampled_from(NEW_NAMES) | WORDS).filter(lambda name: name not in taken))
    value = draw(CODES if is_secret_name(name) else JSON)
    enums = {one for name in known for one in _all_enums(event["event_type"])}
    word = draw(NAMES.filter(lambda word: word not in enums))
    possible = st.sampled_from(list(differences(event, name, value, word)))
    chosen: list[Change] = []
    for change in draw(st.lists(possible, min_size=1, max_size=5)):
        if not any(change.overlaps(other) for other in chosen):
            chosen.append(change)
    return changed(event, *chosen), chosen


NEW_NAMES = [
    "", "a.b", "code", "device_id", "event", "mailbox", "model_config", "model_extra", "pin", "raw",
    "_raw", "secrets", "self", "__class__", "__dict__", "__pydantic_extra__", "🔒",
]  # fmt: skip
"""Names that Seam could give to a new field, and that mean something to us or to Python."""


def _all_enums(event_type: str) -> Iterator[str]:
    for fact in facts_of(event_type).values():
        yield from fact.enum
        for inner in (fact.inside or (fact.item and fact.item.inside) or {}).values():
            yield from inner.enum


def _objects_in(
    event: Event, facts: Mapping[str, Fact], place: Place = ()
) -> Iterator[tuple[Place, Event, Mapping[str, Fact]]]:
    """Yield the event and the objects inside of it whose properties are known."""
    yield place, event, facts
    for name, fact in facts.items():
        inner = event.get(name)
        if fact.inside and inner is not None:
            yield from _objects_in(inner, fact.inside, (*place, name))
        if fact.item and fact.item.inside:
            for number, item in enumerate(inner or ()):
                yield from _objects_in(item, fact.item.inside, (*place, name, number))


# Broken

_WRONG: Mapping[str, tuple[str, list[Any]]] = {
    "string": ("a string", [7, 0.5, True, [MARK], {"code": MARK}]),
    "boolean": ("true or false", ["true", "", 0, 1, [], {"code": MARK}]),
    "number": ("a number", ["0.5", "", True, 10**400, [MARK], {}]),
    "array": ("a list", [{}, "x", 1, False]),
    "object": ("an object", [[], [{}], "x", 1, True]),
}


def wrongs(event: Event) -> Iterator[Change]:
    """Yield every change of one thing after which the event is none."""
    for place, _, facts in _objects_in(event, facts_of(event["event_type"])):
        for name, fact in facts.items():
            if (*place, name) != ("event_type",):
                yield from _wrong((*place, name), fact)
    for name in ids_of(event["event_type"]):
        yield Change((name,), MISSING, f"{name}: is missing")
        yield Change((name,), None, f"{name}: expected ")
    no_types: list[Any] = ["", 7, True, ["lock.unlocked"], {}]
    for wrong in no_types:
        yield Change(("event_type",), wrong, "event_type: expected a string")
    for wrong in ("", " ", "a b", "a\n", "\x00", "a" * 201):
        yield Change(("event_id",), wrong, "event_id: expected 1 to 200 characters without white")


def _wrong(place: Place, fact: Fact) -> Iterator[Change]:
    name = place[-1]
    words, values = _WRONG.get(fact.type, ("", []))
    begins = f"{'.'.join(map(str, place))}: expected {words}"
    for value in values:
        yield Change(place, value, begins)
    if name in SECRET | {"from", "to"} and fact.type in _WRONG:
        wrong_code = MARK if fact.type == "object" else int(MARK)
        yield Change(place, wrong_code, begins)
    if fact.item:
        for item in (None, *_WRONG[fact.item.type][1]):
            begins = f"{'.'.join(map(str, place))}.0: expected {_WRONG[fact.item.type][0]}"
            yield Change(place, [item], begins)
