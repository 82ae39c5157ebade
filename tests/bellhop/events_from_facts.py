"""Events made from the facts about Seam's types, and from nothing else: ours are not looked at.

An event is a dict, as in JSON. Every secret holds the digits of `MARK`, and nothing else does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from hypothesis import strategies as st

from bellhop.events.masking import is_secret_name

FACTS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "facts" / "event-types.json").read_text()
)["event_types"]
EVENT_TYPES = sorted(FACTS)
MARK = "739154826"
SECRET = frozenset({"code", "pin"})

Event: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Fact:
    """What Seam promises of one property."""

    type: str
    """string, time, number, boolean, array, object or any"""
    required: bool = False
    nullable: bool = False
    format: str = ""
    enum: tuple[str, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)
    item: "Fact | None" = None
    inside: "Mapping[str, Fact] | None" = None
    """The properties of an object, None if it may have any."""
    simple: bool = False
    """Whether an object of any properties holds strings and booleans only."""


@cache
def facts_of(event_type: str) -> Mapping[str, Fact]:
    """Return the properties of a type. The one without facts is taken to be like its siblings."""
    properties = FACTS[event_type]["properties"]
    if not properties:
        assert event_type == "access_code.failed_to_delete"
        properties = FACTS["access_code.created"]["properties"]
    return {name: _read(fact) for name, fact in properties.items()}


def _read(fact: Mapping[str, Any]) -> Fact:
    inside, item = fact.get("properties"), fact.get("items")
    is_time = fact.get("format") == "date-time"
    return Fact(
        type="time" if is_time else fact.get("base_type", fact["type"]),
        required=fact.get("required", True) not in ("no", False),
        nullable=fact.get("nullable", False),
        format=fact.get("format", ""),
        enum=tuple(fact.get("enum", ())),
        bounds=(fact.get("minimum"), fact.get("maximum")),
        item=_read(item) if item else None,
        inside={one["name"]: _read(one) for one in inside} if inside else None,
        simple="values" in fact,
    )


def ids_of(event_type: str) -> list[str]:
    """Return the properties without which there is no event.

    The last is the id of the resource, where Seam has always sent it.
    """
    properties = FACTS[event_type]["properties"] or FACTS["access_code.created"]["properties"]
    own = f"{event_type.partition('.')[0]}_id"
    always = [n for n in (own, "device_id") if properties.get(n, {}).get("required") == "always"]
    return ["event_id", "event_type", *always[:1]]


# Valid

CODES = st.integers(0, 9999).map(lambda number: f"{MARK}{number}")
WORDS = st.text(max_size=12)
ENDS = frozenset({"from", "from_", "to"})
"""Names whose values are secrets unless a `property` beside them says that they are not."""
NAMES = WORDS.filter(
    lambda name: name not in ENDS and name != "property" and not is_secret_name(name)
)
"""Names whose values are no secrets: hypothesis takes words from our code, `SECRET` among them."""
IDS = st.uuids().map(str) | st.sampled_from(["event1", "22222222-3333-4444-5555-666666666666"])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | WORDS
    | CODES.map(lambda code: {"code": code, "pin": [code]}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=4,
)
TIMES = st.builds(
    lambda moment, fraction, digits, offset: (
        f"{moment:%Y-%m-%dT%H:%M:%S}{f'.{fraction:09}'[: digits and digits + 1]}{offset}"
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1)),
    st.integers(0, 10**9 - 1),
    st.integers(0, 9),
    st.sampled_from(["Z", "+00:00", "+02:00", "-09:30", "+14:00"]),
)
SIMPLE = st.dictionaries(NAMES, st.booleans() | WORDS, max_size=2)


def _values(fact: Fact, name: str) -> st.SearchStrategy[Any]:
    """Return the values that a property may have."""
    least, most = fact.bounds
    values: st.SearchStrategy[Any]
    match fact.type:
        case "string" if name in SECRET:
            values = CODES
        case "string" if fact.enum:
            values = st.sampled_from(fact.enum)
        case "string" if name == "property":
            values = st.sampled_from(["code", "pin", "name"]) | NAMES
        case "string":
            values = IDS if fact.format == "uuid" else WORDS
        case "time":
            values = TIMES
        case "boolean":
            values = st.booleans()
        case "number":
            values = NUMBERS if most is None else st.floats(least, most)
        case "array":
            assert fact.item
            values = st.lists(_values(fact.item, ""), max_size=2)
        case "object" if fact.inside:
            values = _objects(fact.inside)
        case "object":
            own = st.fixed_dictionaries({}, optional=dict.fromkeys(sorted(SECRET), CODES))
            others = SIMPLE if fact.simple else st.dictionaries(NAMES, JSON, max_size=2)
            values = st.builds(lambda a, b: {**a, **b}, others, own)
        case "any":
            values = JSON
        case unknown:
            raise AssertionError(f"nothing is known of the type {unknown}")
    return st.none() | values if fact.nullable else values


def _objects(facts: Mapping[str, Fact]) -> st.SearchStrategy[Event]:
    """Return the objects that have what is required, and any of the rest."""
    required = {name: _values(fact, name) for name, fact in facts.items() if fact.required}
    optional = {name: _values(fact, name) for name, fact in facts.items() if not fact.required}
    return st.fixed_dictionaries(required, optional=optional).map(_with_changed_code)


def _with_changed_code(changed: Event) -> Event:
    """Let what changed be a door code, where the object says so."""
    if changed.get("property") in SECRET:
        ends = {end: f"{MARK}{end}" for end in ("from", "to") if changed.get(end) is not None}
        return {**changed, **ends}
    return changed


@cache
def valid(event_type: str) -> st.SearchStrategy[Event]:
    """Return the events of a type that Seam's schema allows."""
    return _objects(facts_of(event_type)).map(lambda event: {**event, "event_type": event_type})


def full(event_type: str, *, optional: bool = True) -> Event:
    """Return an event of a type with all its properties, or with the required ones only."""

    def filled(facts: Mapping[str, Fact]) -> Event:
        return {
            name: value_of(name, fact) for name, fact in facts.items() if fact.required or optional
        }

    def value_of(name: str, fact: Fact) -> Any:
        match fact.type:
            case "array":
                assert fact.item
                return [value_of("", fact.item), value_of("", fact.item)]
            case "object":
                return filled(fact.inside) if fact.inside else {"pin": f"{MARK}1", "other": "x"}
        return {
            "any": ["id"],
            "boolean": True,
            "number": 0.5,
            "string": f"{MARK}1" if name in SECRET else (fact.enum or ("code",))[0],
            "time": "2026-01-31T12:00:00.123456789+02:00",
        }[fact.type]

    def with_codes(value: Any) -> Any:
        return [_with_changed_code(v) if isinstance(v, dict) else v for v in value]

    event = filled(facts_of(event_type))
    event = {k: with_codes(v) if isinstance(v, list) else v for k, v in event.items()}
    return {**event, "event_type": event_type}


@st.composite
def written(draw: st.DrawFn, event: Event) -> bytes:
    """Write an event in one of the ways in which JSON can be written."""
    pairs = list(event.items())[:: draw(st.sampled_from([1, -1]))]
    indent, is_ascii = draw(st.sampled_from([(None, True), (None, False), (1, True)]))
    return json.dumps(dict(pairs), indent=indent, ensure_ascii=is_ascii).encode()
