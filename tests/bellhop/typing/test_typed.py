"""Whether what editors know of `on` is what happens when Bellhop runs."""

import inspect
import json
import subprocess
import sys
import typing
from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args, get_origin

import pytest

import bellhop
from bellhop import events, typed
from bellhop.events import TYPES, EventType, SeamEvent, parse
from bellhop.handler import Context
from bellhop.options import Options
from bellhop.patterns import Pattern
from bellhop.routing import Registry, on

RESOURCES_AND_SUCH = {
    ".".join([*parts[:depth], "*"])
    for parts in (name.split(".") for name in TYPES)
    for depth in range(1, len(parts))
}
"""`lock.*`, `action_attempt.*`, `action_attempt.lock_door.*` and their like."""

PREFIXES = {
    "*",
    "access_code.delay_in_*",
    "access_code.failed_*",
    "acs_*",
    "thermostat.temperature_*",
    "thermostat.temperature_threshold_*",
}


def overloads() -> Iterator[tuple[str, Any, Any]]:
    """Yield each literal pattern with what is decorated, and with what that is afterwards."""
    for one in typing.get_overloads(typed.on):
        signature = inspect.signature(one)
        first = next(iter(signature.parameters.values()))
        if get_origin(first.annotation) is Literal:
            (taken,), given = get_args(signature.return_annotation)
            for pattern in get_args(first.annotation):
                yield pattern, taken, given


TABLE = {pattern: (taken, given) for pattern, taken, given in overloads()}


def brought(pattern: str) -> type[SeamEvent]:
    """Return the class of a type, or the nearest public one that all types of a pattern share."""
    if pattern in TYPES:
        return TYPES[pattern]
    first, *others = (TYPES[name] for name in Pattern(pattern).known_types())
    return next(
        base
        for base in first.__mro__
        if base not in TYPES.values()
        and base.__name__ in events.__all__
        and all(issubclass(other, base) for other in others)
    )


@pytest.mark.parametrize("pattern", sorted(TABLE.keys() | TYPES | RESOURCES_AND_SUCH | PREFIXES))
def test_a_pattern_is_known_to_bring_the_events_that_it_brings(pattern: str) -> None:
    cls = brought(pattern)
    taken, given = TABLE[pattern]
    assert taken is given
    assert taken.__name__ == f"Takes{cls.__name__}"
    assert taken.__bound__ == Callable[[cls], object] | Callable[[cls, Context], object]


def test_a_pattern_is_known_once() -> None:
    patterns = [pattern for pattern, _, _ in overloads()]
    assert len(patterns) == len(TABLE)


@pytest.mark.parametrize("pattern", sorted(name for name in TABLE if name.endswith("*")))
def test_an_unknown_type_is_read_as_what_its_pattern_promises(pattern: str) -> None:
    ids = {"action_attempt", "client_session", "connect_webview", "enrollment_automation", "phone"}
    ids |= {"access_code", "access_grant", "access_method", "connected_account", "device", "space"}
    ids |= {f"acs_{part}" for part in ("system", "user", "credential", "access_group", "encoder")}
    body = dict.fromkeys([f"{name}_id" for name in (*ids, "acs_entrance")], "an id")
    for end in ("", "zzz", "zzz_of.zzz", "9"):
        event_type = f"{pattern.removesuffix('*')}{end or 'z'}"
        sent = {**body, "event_id": "e", "event_type": event_type}
        event = parse(json.dumps(sent).encode()).event
        assert isinstance(event, brought(pattern)), event_type


@pytest.mark.parametrize("name", sorted(TYPES.keys() | set(get_args(EventType))))
def test_a_name_completes_if_it_is_a_type(name: str) -> None:
    assert (name in get_args(EventType)) == (name in TYPES)


def test_names_are_sorted_and_said_once() -> None:
    assert list(get_args(EventType)) == sorted(TYPES)
    assert bellhop.EventType is EventType


def test_the_options_are_those_of_on() -> None:
    keywords = {
        name: parameter.annotation
        for name, parameter in inspect.signature(Registry.on).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert typing.get_type_hints(Options) == keywords


def test_an_editor_shows_what_help_shows() -> None:
    assert inspect.getdoc(typed.on) == inspect.getdoc(on)


def test_bellhop_runs_without_it() -> None:
    code = "import sys, bellhop; sys.exit('bellhop.typed' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
