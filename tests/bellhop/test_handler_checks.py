"""What `bellhop doctor` makes of the registered handlers."""

from bellhop import Registry, SeamEvent
from bellhop.finding import Level
from bellhop.handler_checks import judge_handlers


def handler(event: SeamEvent) -> None: ...


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
