"""What `bellhop doctor` makes of the registered handlers."""

from bellhop import DeadLetter, Registry, SeamEvent
from bellhop.finding import Level
from bellhop.handler_checks import judge_handlers


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
        "alarm waits for dead letters of doors.*, as no handler here is called",
    )
    registry.on("lock.*", name="doors.tell")(handler)
    assert [one.level for one in judge_handlers(registry)] == [Level.OK]
