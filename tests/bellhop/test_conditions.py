"""What `max_age` and `where` may be, and what is refused before an event ever comes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import Enum, StrEnum
from functools import partial
from operator import attrgetter, truth
from typing import Any

import pytest

from bellhop import InvalidHandler, Registry, SeamEvent
from bellhop.conditions import Conditions
from bellhop.events import TYPES
from bellhop.events.drift import schema_of
from bellhop.testing import make_event

UNLOCKED = "lock.unlocked"
ALL_THE_SAME = "(allow_unknown=True accepts it all the same)"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def handler(event: SeamEvent) -> None: ...


def conditions(*patterns: str, **options: Any) -> Conditions | None:
    """Return the conditions of a handler that is registered with these options."""
    registry = Registry()
    registry.on(*(patterns or [UNLOCKED]), name="mine", **options)(handler)
    registered = registry.get("mine")
    assert registered
    return registered.conditions


def refusal(*patterns: str, **options: Any) -> str:
    """Return why these options are refused."""
    with pytest.raises(InvalidHandler) as caught:
        conditions(*patterns, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def wants(event: SeamEvent, *patterns: str, **options: Any) -> bool:
    found = conditions(*patterns, **options)
    assert found
    return not found.unfit(event)


def test_a_handler_that_asks_for_nothing_has_none() -> None:
    assert conditions() is None
    assert conditions(max_age=None, where=None) is None


# max_age


@pytest.mark.parametrize(
    ("max_age", "means"),
    [
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("45", timedelta(seconds=45)),
        (45, timedelta(seconds=45)),
        (0.5, timedelta(seconds=0.5)),
        (timedelta(days=400), timedelta(days=400)),
    ],
)
def test_a_duration_is_spelt_as_in_the_settings(max_age: Any, means: timedelta) -> None:
    found = conditions(max_age=max_age)
    assert found
    assert (found.max_age, found.where) == (means, None)


@pytest.mark.parametrize(
    "max_age",
    ["", "2 hours", "h", "-2h", "0s", 0, -1, True, timedelta(), float("nan"), 1e300, [2], b"2h"],
)
def test_what_is_no_duration_is_refused(max_age: Any) -> None:
    assert refusal(max_age=max_age) == (
        'mine: max_age is a duration above 0 such as "30m", "2h" or "7d", seconds or a timedelta, '
        f"not {max_age!r}"
    )


def test_an_event_may_be_exactly_as_old() -> None:
    found = conditions(max_age="2h")
    assert found
    event = make_event(UNLOCKED, occurred_at=NOON)
    two_hours_later = round(NOON.timestamp() * 1000) + 2 * 3600 * 1000
    assert found.too_old(event, 0, two_hours_later) == ""
    assert found.too_old(event, 0, two_hours_later + 1) == (
        "older than max_age=2h: it occurred at 2026-01-31 12:00:00Z"
    )


# Fields


@pytest.mark.parametrize(
    ("where", "hint"),
    [
        ({"metod": "keycode"}, "did you mean method?"),
        ({"method": "keycode", "access_code": "a"}, "did you mean access_code_id"),
        ({"xyzzy": 1}, "`bellhop types TYPE` lists them"),
        ({"mailbox": "device:front"}, "`bellhop types TYPE` lists them"),
        ({"raw": "{}"}, ""),
    ],
)
def test_a_field_that_none_of_its_events_has_is_refused(where: dict[str, Any], hint: str) -> None:
    message = refusal(where=where)
    name = list(where)[-1]
    assert message.startswith(f'mine: where: none of its events has a field "{name}"; {hint}')
    assert message.endswith(ALL_THE_SAME)


def test_one_of_its_events_is_enough() -> None:
    assert conditions("lock.*", where={"method": "keycode", "reason": None})
    assert conditions("*", where={"battery_level": 0.1})
    assert 'has a field "battery_level"' in refusal("lock.*", where={"battery_level": 0.1})


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ({"method": "keycod"}, f"method is never 'keycod'; did you mean keycode? {ALL_THE_SAME}"),
        ({"method": ["card", "Manual"]}, "method is never 'Manual'; did you mean manual? "),
        ({"method": "xyzzy"}, "method is never 'xyzzy'; it is automatic, card, keycode, manual, "),
        ({"event_type": "lock.locked"}, "event_type is never 'lock.locked'; "),
        ({"method": 5}, "method is a string, never an int"),
        ({"code": 4711}, "code is a string, never an int"),
        ({"code": True}, "code is a string, never a bool"),
        ({"access_code_is_managed": "yes"}, "access_code_is_managed is True or False, never a str"),
        ({"access_code_is_managed": 1}, "access_code_is_managed is True or False, never an int"),
        ({"occurred_at": "2026-01-31"}, "occurred_at is a datetime with its offset, never a str"),
        (
            {"occurred_at": datetime(2026, 1, 31)},
            "occurred_at is a datetime with its offset, never one without",
        ),
        ({"event_id": None}, "event_id is a string, never None"),
        (
            {"device_custom_metadata": "x"},
            "device_custom_metadata is an object: compare it in a function of the event",
        ),
        ({"device_custom_metadata": {"a": 1}}, "device_custom_metadata is compared with a string,"),
        ({"method": b"card"}, "method is compared with a string, a number, True, False, None or "),
        ({"method": [["card"]]}, "method is compared with a string, a number, True, False, None "),
        ({"method": []}, "method has no value that would do"),
        ({5: "card"}, "the name of a field is a string, not an int"),
        ({"": "card"}, "the name of a field is a string, not a str"),
        ({}, 'where names no field, as in where={"method": "keycode"}'),
    ],
)
def test_a_value_that_the_field_never_has_is_refused(where: Any, says: str) -> None:
    message = refusal(where=where)
    assert message.removeprefix("mine: ").removeprefix("where: ").startswith(says)


def test_a_value_that_is_refused_is_not_repeated_where_it_may_be_a_code() -> None:
    for where in ({"code": 73915842}, {"code": b"73915842"}, {"code": {"73915842": 1}}, "73915842"):
        assert "73915842" not in refusal(where=where)


def test_a_list_of_objects_is_compared_by_a_function() -> None:
    assert "connected_account_errors is an array: compare it in a function" in refusal(
        "connected_account.*", where={"connected_account_errors": "x"}
    )


@pytest.mark.parametrize("where", [{"metod": "keycode"}, {"method": "hologram"}])
def test_what_is_new_is_accepted_when_told_so(where: dict[str, str]) -> None:
    assert conditions(where=where, allow_unknown=True)
    assert conditions("robot.*", where=where, allow_unknown=True)


def test_of_every_field_that_may_be_missing_it_can_be_asked_whether_it_is() -> None:
    for event_type, cls in TYPES.items():
        names = schema_of(cls).names.items()
        missing = [one for one in names if not cls.model_fields[one[0]].is_required()]
        found = conditions(event_type, where={sent: None for _, sent in missing})
        assert found
        assert found.where == tuple((attribute, frozenset([None])) for attribute, _ in missing)


class Method(StrEnum):
    CARD = "card"
    HOLOGRAM = "hologram"


class OldMethod(str, Enum):  # noqa: UP042 - as it was written before Python 3.11
    CARD = "card"


@pytest.mark.parametrize("card", ["card", Method.CARD, OldMethod.CARD])
def test_a_member_of_an_enum_is_what_it_stands_for(card: str) -> None:
    for where in ({"method": card}, {"method": [card, "keycode"]}):
        assert wants(make_event(UNLOCKED, method="card"), where=where)
        assert not wants(make_event(UNLOCKED, method="manual"), where=where)


def test_a_member_that_the_field_never_has_is_refused() -> None:
    assert "method is never 'hologram'" in refusal(where={"method": Method.HOLOGRAM})


@pytest.mark.parametrize("several", [list, tuple, set, frozenset])
def test_any_of_several_values_will_do(several: Any) -> None:
    where = {"method": several(["card", "keycode"])}
    assert wants(make_event(UNLOCKED, method="keycode"), where=where)
    assert not wants(make_event(UNLOCKED, method="manual"), where=where)


def test_what_was_given_may_be_changed_afterwards() -> None:
    methods = ["card"]
    where = {"method": methods}
    found = conditions(where=where)
    assert found
    methods.append("manual")
    where["code"] = ["1"]
    assert found.unfit(make_event(UNLOCKED, method="card")) == ""
    assert found.unfit(make_event(UNLOCKED, method="manual")) != ""


def test_a_time_is_the_same_in_another_zone() -> None:
    event = make_event(UNLOCKED, occurred_at="2026-01-31T13:00:00+01:00")
    assert wants(event, where={"occurred_at": NOON})


@pytest.mark.parametrize("name", ["from", "from_"])
@pytest.mark.parametrize("allow_unknown", [False, True])
def test_a_field_may_be_called_as_in_python_or_as_in_json(name: str, allow_unknown: bool) -> None:
    event_type = next(one for one, cls in TYPES.items() if "from_" in cls.model_fields)
    registry = Registry()
    registry.on(event_type, name="mine", where={name: None}, allow_unknown=allow_unknown)(handler)
    registered = registry.get("mine")
    assert registered
    assert registered.conditions
    assert registered.conditions.where == (("from_", frozenset([None])),)


def test_the_repr_of_a_handler_holds_no_value() -> None:
    registry = Registry()
    registry.on(UNLOCKED, name="mine", where={"code": "73915842"})(handler)
    assert "73915842" not in repr(registry.get("mine"))


# Functions


class Porter:
    def wants(self, event: SeamEvent) -> bool:
        return True

    def __call__(self, event: SeamEvent, more: int = 0) -> bool:
        return True


@pytest.mark.parametrize(
    "where",
    [
        lambda event: True,
        lambda event, more=1: True,
        Porter().wants,
        Porter(),
        partial(lambda door, event: True, "front"),
        attrgetter("code"),
        truth,
    ],
)
def test_what_takes_the_event_is_accepted(where: Any) -> None:
    assert wants(make_event(UNLOCKED, code="4711"), where=where)


async def in_async(event: SeamEvent) -> bool:
    return True


def generator(event: SeamEvent) -> Iterator[bool]:
    yield True


@pytest.mark.parametrize(
    ("where", "says"),
    [
        (lambda: True, "mine: where is called with the event alone: too many positional arguments"),
        (lambda event, context: True, "mine: where is called with the event alone: missing a "),
        (Porter.wants, "mine: where is called with the event alone: missing a required argument: "),
        (in_async, "mine: where says at once whether it wants an event: make it no async def"),
        (partial(in_async), "mine: where says at once whether it wants an event: "),
        (generator, "mine: where is a generator, of which a call runs nothing: take the `yield` "),
        (Porter, "mine: where is a class, of which a call only makes an object: "),
        ("method", "mine: where is a dict of fields, as in "),
        (["method"], "mine: where is a dict of fields, as in "),
        (5, 'mine: where is a dict of fields, as in where={"method": "keycode"}, or a function '),
    ],
)
def test_what_is_no_function_of_the_event_is_refused(where: Any, says: str) -> None:
    assert refusal(where=where).startswith(says)
