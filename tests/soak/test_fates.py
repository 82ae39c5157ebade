"""What the handlers do is chance, but the same each time, and of every kind."""

import pytest

from bellhop.routing import Registry
from tests.soak.fates import HANDLES, NEVER, NOISE, TYPES, Fate, fate, handlers_of


@pytest.mark.parametrize("handler", HANDLES)
def test_an_events_fate_is_the_same_whenever_it_is_asked_for(handler: str) -> None:
    assert [fate(f"e{n}", handler) for n in range(500)] == [
        fate(f"e{n}", handler) for n in range(500)
    ]


def test_some_events_are_slow_fail_hang_leak_or_kill_and_most_are_fine() -> None:
    fates = [fate(f"e{number}", handler) for number in range(8_000) for handler in HANDLES]

    assert fates.count(Fate()) > len(fates) / 2
    assert any(one.takes > 0.3 for one in fates)
    assert any(0 < one.fails < NEVER and one.again is not None for one in fates)
    assert any(0 < one.fails < NEVER and one.again is None for one in fates)
    assert any(one.fails == NEVER for one in fates)
    assert {one.exits for one in fates if one.kills == 1} == {True, False}
    assert any(one.kills == NEVER for one in fates)
    assert any(one.hangs == 1 for one in fates)
    assert any(one.hangs == NEVER for one in fates)
    assert {one.clings for one in fates if one.hangs} == {True, False}
    assert any(one.leaks for one in fates)


def test_the_soak_expects_the_handlers_that_bellhop_finds() -> None:
    registry = Registry()
    for name, prefix in HANDLES.items():
        registry.on(f"{prefix}*", name=name)(lambda event: None)

    for event_type in (*TYPES, NOISE):
        found = [handler.name for handler in registry.match(event_type)]
        assert handlers_of(event_type) == tuple(found)
