"""The classes of events, and the facts about Seam's types."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

import bellhop.events as events
from bellhop.events import (
    TYPES,
    AccessCodeFailedToDeleteEvent,
    LockEvent,
    LockLockedEvent,
    LockUnlockedEvent,
)
from bellhop.events.description import Property, described
from tests.bellhop.events_from_facts import FACTS


def test_the_catalogue_holds_every_known_type_and_no_other() -> None:
    assert set(TYPES) == set(FACTS)


def test_the_package_exports_every_class_of_the_catalogue() -> None:
    assert {cls.__name__ for cls in TYPES.values()} <= set(events.__all__)
    assert all(hasattr(events, name) for name in events.__all__)


@pytest.mark.parametrize("event_type", FACTS)
def test_a_class_is_named_after_its_type(event_type: str) -> None:
    words = event_type.replace(".", "_").split("_")
    assert TYPES[event_type].__name__ == "".join(word.title() for word in words) + "Event"
    assert TYPES[event_type].__doc__


@pytest.mark.parametrize("event_type", FACTS)
def test_a_class_has_a_base_for_its_group(event_type: str) -> None:
    group = FACTS[event_type]["group"].title().replace("_", "")
    assert issubclass(TYPES[event_type], getattr(events, f"{group}Event"))


def expected(fact: dict[str, Any]) -> Property:
    """Bring one property of the facts into the same shape."""
    required = fact["required"]
    items = fact.get("items", {})
    inside = fact.get("properties") or items.get("properties")
    time = fact.get("format") == "date-time"
    return Property(
        "time" if time else fact.get("base_type", fact["type"]),
        required=required if isinstance(required, bool) else required != "no",
        nullable=fact.get("nullable", False),
        enum=frozenset(fact.get("enum", ())),
        item="object" if inside and items else items.get("type"),
        properties=named(inside) if inside else None,
    )


def named(properties: list[dict[str, Any]]) -> dict[str, Property]:
    return {p["name"]: expected(p) for p in properties}


def flat(properties: Mapping[str, Property], prefix: str = "") -> Iterator[tuple[str, Property]]:
    """Yield each property by its name, and after a dot those that are inside of it."""
    for name, known in properties.items():
        yield prefix + name, replace(known, properties=None)
        yield from flat(known.properties or {}, f"{prefix}{name}.")


@pytest.mark.parametrize("event_type", sorted(FACTS.keys() - {"access_code.failed_to_delete"}))
def test_a_class_says_exactly_what_the_facts_say(event_type: str) -> None:
    properties = FACTS[event_type]["properties"].items()
    facts = dict(flat({name: expected(fact) for name, fact in properties}))
    model = dict(flat(described(TYPES[event_type])))
    names = {name for name in model.keys() | facts.keys() if model.get(name) != facts.get(name)}
    assert {name: model.get(name) for name in names} == {name: facts.get(name) for name in names}


def test_the_type_without_facts_is_like_its_siblings() -> None:
    assert described(AccessCodeFailedToDeleteEvent) == described(events.AccessCodeCreatedEvent)


@pytest.mark.parametrize("event_type", FACTS)
def test_only_ids_that_seam_always_sent_are_required(event_type: str) -> None:
    facts = FACTS[event_type]["properties"]
    required = {n for n, f in TYPES[event_type].model_fields.items() if f.is_required()}
    own = required - {"event_id", "event_type"}
    assert required >= {"event_id", "event_type"}
    assert all(name.endswith("_id") for name in own)
    assert all(facts[name]["required"] == "always" for name in own if facts)
    assert len(own) == (0 if event_type in ("lock.unlocked", "lock.access_denied") else 1)


def test_lock_events_share_a_base() -> None:
    assert issubclass(LockLockedEvent, LockEvent)
    assert issubclass(LockUnlockedEvent, LockEvent)
