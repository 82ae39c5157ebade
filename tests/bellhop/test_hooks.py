"""What `@on_dead` and `@on_quarantined` take, and in which words they refuse the rest."""

from collections.abc import Callable
from typing import Any

import pytest

from bellhop import Context, DeadLetter, QuarantinedBody, Registry, SeamEvent
from bellhop.hooks import Hook
from bellhop.testing import (
    make_context,
    make_dead_letter,
    make_event,
    make_quarantined_body,
)
from tests.bellhop.registering import names, plain, refusal

HERE = "tests.bellhop.test_hooks"


def tell(letter: DeadLetter) -> None: ...
async def tell_async(letter: DeadLetter, context: Context) -> None: ...
def of_a_body(body: QuarantinedBody) -> None: ...
def of_either(about: DeadLetter | QuarantinedBody) -> None: ...
def of_anything(about: object) -> None: ...
def none() -> None: ...
def three(letter: DeadLetter, context: Context, third: int) -> None: ...
def of_an_event(event: SeamEvent) -> None: ...
def turned_round(context: Context, letter: DeadLetter) -> None: ...


class Alarms:
    def tell(self, letter: DeadLetter) -> None: ...


def test_it_is_taken_bare_or_with_a_pattern_and_options(handlers: Registry) -> None:
    handlers.on_dead(tell)
    handlers.on_dead("doors.*", attempts=3, timeout=5, name="doors")(tell_async)
    handlers.on_dead(handler_pattern="rooms.*", name="rooms")(tell)
    handlers.on_quarantined(of_a_body)
    handlers.on_quarantined(backoff=[1], no_retry=ValueError, name="either")(of_either)

    of_all, doors, rooms, of_bodies, either = handlers
    assert (of_all.name, of_all.hook, of_all.patterns) == (f"{HERE}.tell", Hook.DEAD, ("*",))
    assert (of_all.attempts, of_all.is_async, of_all.wants_context) == (20, False, False)
    assert (doors.name, doors.patterns, rooms.patterns) == ("doors", ("doors.*",), ("rooms.*",))
    assert (doors.attempts, doors.timeout, doors.is_async, doors.wants_context) == (
        3,
        5,
        True,
        True,
    )
    assert (of_bodies.name, of_bodies.hook) == (f"{HERE}.of_a_body", Hook.QUARANTINED)
    assert either.backoff
    assert either.no_retry == (ValueError,)


@pytest.mark.parametrize(
    "register",
    [
        lambda on: on.on_dead(of_either),
        lambda on: on.on_dead()(of_either),
        lambda on: on.on_dead("*", attempts=3)(of_either),
        lambda on: on.on_quarantined(of_either),
        lambda on: on.on_quarantined()(of_either),
    ],
)
def test_the_function_stays_what_it_is(
    register: Callable[[Registry], object], handlers: Registry
) -> None:
    assert register(handlers) is of_either


def test_it_gets_no_event_whatever_its_type_is(handlers: Registry) -> None:
    handlers.on("*", name="all")(plain)
    handlers.on_dead("*", name="dead")(plain)
    handlers.on_quarantined(name="quarantined")(plain)
    for event_type in ("lock.unlocked", "dead", "quarantined", "all", "hook", ""):
        assert names(handlers, event_type) == ["all"]


@pytest.mark.parametrize("function", [tell, tell_async, of_either, of_anything, plain])
def test_what_it_takes_may_be_annotated_with_its_class_or_more_or_not_at_all(
    function: Any, handlers: Registry
) -> None:
    handlers.on_dead(function)
    assert len(handlers) == 1


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (none, "cannot be called with a dead letter, or a dead letter and a context: too many"),
        (three, "cannot be called with a dead letter, or a dead letter and a context: missing"),
        (turned_round, "would get the dead letter as its `context`: the dead letter comes first"),
        (
            Alarms.tell,
            "is a method without its object, and would get the dead letter as its `self`",
        ),
        (of_an_event, "is annotated with SeamEvent, but it gets a dead letter; annotate it with D"),
        (of_a_body, "is annotated with QuarantinedBody, but it gets a dead letter; annotate"),
        (DeadLetter, "is a class, of which a call only makes an object"),
    ],
)
def test_what_cannot_be_called_with_a_dead_letter_is_refused(
    function: Any, why: str, handlers: Registry
) -> None:
    assert why in refusal(lambda: handlers.on_dead(function))
    assert len(handlers) == 0


@pytest.mark.parametrize("function", [none, three, of_an_event, tell])
def test_what_cannot_be_called_with_a_body_is_refused(function: Any, handlers: Registry) -> None:
    assert "a body in quarantine" in refusal(lambda: handlers.on_quarantined(function))


@pytest.mark.parametrize("pattern", ["", "a b", 5, None, b"*", ["*"], "x" * 201])
def test_a_pattern_that_no_name_could_fit_is_refused(pattern: Any, handlers: Registry) -> None:
    assert refusal(lambda: handlers.on_dead(pattern, name="mine")(tell)) == (
        "mine: the pattern of a handler's name is 1 to 200 letters, digits or _.<>:-*, such as "
        f'"handlers.doors.*", not {pattern!r}'
    )


def test_an_option_that_it_has_not_is_refused(handlers: Registry) -> None:
    on_dead: Any = handlers.on_dead
    on_quarantined: Any = handlers.on_quarantined
    known = "it has attempts, timeout, backoff, no_retry, name"
    assert refusal(lambda: on_dead(where={})(tell)) == f"@on_dead has no option where; {known}"
    message = refusal(lambda: on_quarantined("lock.*")(tell))
    assert message.startswith("@on_quarantined takes no pattern, such as 'lock.*': it is called")
    message = refusal(lambda: on_quarantined(attempt=3)(tell))
    assert message == "@on_quarantined has no option attempt; did you mean attempts?"


def test_hooks_and_handlers_share_their_names(handlers: Registry) -> None:
    handlers.on("*", name="mine")(plain)
    assert refusal(lambda: handlers.on_dead(name="mine")(tell)).startswith(
        "there are two handlers named mine: "
    )
    assert "a handler's name is 1 to 200" in refusal(lambda: handlers.on_dead(name="")(tell))


def test_tests_of_hooks_get_what_hooks_get() -> None:
    event = make_event("access_code.set_on_device", code="73915842")
    letter = make_dead_letter(event, handler="handlers.doors.tell", attempts=3)
    assert (letter.event, letter.event_id, letter.event_type, letter.device_id) == (
        event,
        event.event_id,
        "access_code.set_on_device",
        event.device_id,
    )
    assert (letter.handler, letter.attempts) == ("handlers.doors.tell", 3)
    assert letter.died_at.tzinfo
    assert "73915842" not in repr(letter)
    gone = make_dead_letter(event, readable=False)
    assert (gone.event, gone.event_id) == (None, event.event_id)

    context = make_context(letter, state="open")
    assert (context.event, context.state) == (event, "open")
    context.log.info("works without a set-up")
    body = make_quarantined_body("not JSON", size=7)
    assert (body.problems, body.size) == (("not JSON",), 7)
    make_context(body).log.info("works, too")
