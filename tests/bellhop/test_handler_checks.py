"""What `bellhop doctor` makes of the registered handlers."""

import pytest

from bellhop import DeadLetter, Registry, SeamEvent
from bellhop.finding import Level
from bellhop.handler_checks import hooks_of_nobody, judge_handlers, told_of_nobody


def handler(event: SeamEvent) -> None: ...
def handler_of_letters(letter: DeadLetter) -> None: ...


def test_no_handlers_are_a_warning() -> None:
    (found,) = judge_handlers(Registry())
    assert (found.level, found.text[:11]) == (Level.WARNING, "no handlers")


def test_types_that_nobody_handles_are_counted_and_some_named() -> None:
    registry = Registry()
    registry.on("lock.*", name="mine")(handler)
    (found,) = judge_handlers(registry)
    assert found.level is Level.OK
    assert found.text.startswith("handlers: 1; 112 of 115 known types have none (access_code.")

    registry.on("*", name="all")(handler)
    (found,) = judge_handlers(registry)
    assert found.text == "handlers: 2"


def test_a_pattern_that_fits_nothing_known_is_told_by_its_handler() -> None:
    registry = Registry()
    registry.on("*", "lock.jam*", name="mine", allow_unknown=True)(handler)
    _, found = judge_handlers(registry)
    assert found.level is Level.WARNING
    assert found.text == "mine waits for lock.jam*, which fits no known event type"


def test_a_hook_is_no_handler_and_told_of_if_no_handler_has_the_name() -> None:
    registry = Registry()
    registry.on_dead("doors.*", name="alarm")(handler_of_letters)
    (found,) = judge_handlers(registry)
    assert found.text[:11] == "no handlers"

    registry.on("*", name="mine")(handler)
    registry.on_dead(name="of-all")(handler_of_letters)
    ours, warning = judge_handlers(registry)
    assert ours.text == "handlers: 1"
    assert (warning.level, warning.text) == (
        Level.WARNING,
        "alarm is called about dead letters of doors.*, and no handler here has such a name",
    )
    assert hooks_of_nobody(registry, ["doors.elsewhere"]) == []
    registry.on("lock.*", name="doors.tell")(handler)
    assert [one.level for one in judge_handlers(registry)] == [Level.OK]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("door.*", "; did you mean doors.* or doors.tell?"),
        ("lock.unlocked", "; @on_dead takes the names of handlers, and not types of events"),
        ("zzzzz", ""),
    ],
)
def test_what_the_pattern_of_a_hook_may_mean_is_told(pattern: str, hint: str) -> None:
    registry = Registry()
    registry.on("*", name="doors.tell")(handler)
    registry.on_dead(pattern, name="alarm")(handler_of_letters)
    [hook] = hooks_of_nobody(registry)
    assert told_of_nobody(hook, registry).endswith(f"no handler here has such a name{hint}")
