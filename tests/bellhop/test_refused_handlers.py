"""What `@on` refuses, and in which words."""

import sys
from collections.abc import Callable
from typing import Any, Optional

import pytest

from bellhop import Context, LockUnlockedEvent, Registry, SeamEvent
from tests.bellhop.callables import with_event
from tests.bellhop.registering import names, plain, refusal


def test_two_handlers_of_one_name_are_refused(handlers: Registry) -> None:
    handlers.on("lock.*", name="audit")(plain)
    assert refusal(lambda: handlers.on("device.*", name="audit")(with_event)) == (
        'there are two handlers named audit: give one of them another name, as in @on(…, name="…")'
    )
    assert len(handlers) == 1


@pytest.mark.parametrize("name", ["", " ", "a b", "a\n", "é", "x" * 201, 5, b"a"])
def test_a_name_that_could_not_be_kept_is_refused(name: Any, handlers: Registry) -> None:
    message = refusal(lambda: handlers.on("lock.*", name=name)(plain))
    assert message.startswith("a handler's name is 1 to 200 letters, digits or _.<>:-, not ")


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("lock.unlockd", "did you mean lock.unlocked or lock.locked"),
        ("Lock.unlocked", "did you mean lock.unlocked"),
        ("locks.*", "did you mean lock.*"),
        ("access_code.fail_*", "did you mean access_code.*"),
        ("action_attempt.lock_door.failure", "did you mean action_attempt.lock_door.failed"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused_with_the_nearest(
    pattern: str, hint: str, handlers: Registry
) -> None:
    message = refusal(lambda: handlers.on(pattern, name="mine")(plain))
    assert message.startswith(f'mine: no known event type fits "{pattern}"; {hint}')
    assert message.endswith("? (allow_unknown=True accepts it all the same)")


def test_a_pattern_that_is_like_nothing_is_refused_without_a_guess(handlers: Registry) -> None:
    assert refusal(lambda: handlers.on("zzzzz", name="mine")(plain)) == (
        'mine: no known event type fits "zzzzz"; `bellhop types` lists all '
        "(allow_unknown=True accepts it all the same)"
    )


def test_each_of_several_patterns_has_to_fit_something(handlers: Registry) -> None:
    refusal(lambda: handlers.on("lock.*", "zzzzz")(plain))
    assert len(handlers) == 0


def test_a_pattern_that_fits_nothing_yet_is_accepted_when_told_so(handlers: Registry) -> None:
    @handlers.on("robot.*", allow_unknown=True, name="a")
    def handler(event: SeamEvent) -> None: ...

    assert names(handlers, "robot.arrived") == ["a"]


@pytest.mark.parametrize("pattern", ["", 5, None, b"lock.*", ["lock.*"], LockUnlockedEvent, 1.5])
def test_a_pattern_that_is_no_string_is_refused(pattern: Any, handlers: Registry) -> None:
    message = refusal(lambda: handlers.on(pattern, name="mine")(plain))
    assert message.startswith(
        'mine: a pattern is a string such as "lock.unlocked" or "lock.*", not '
    )


def test_an_event_class_in_the_place_of_a_pattern_is_refused(handlers: Registry) -> None:
    on: Any = handlers.on
    message = refusal(lambda: on(LockUnlockedEvent)(plain))
    assert "a pattern is a string" in message


def none() -> None: ...
def three(event: SeamEvent, context: Context, third: int) -> None: ...
def keyword_only(*, event: SeamEvent) -> None: ...
def keyword_context(event: SeamEvent, *, context: Context) -> None: ...
def keywords(**kwargs: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (none, "too many positional arguments"),
        (three, "missing a required argument: 'third'"),
        (keyword_only, "too many positional arguments"),
        (keyword_context, "missing a required argument: 'context'"),
        (keywords, "too many positional arguments"),
        (lambda: None, "too many positional arguments"),
    ],
)
def test_a_function_that_cannot_be_called_with_an_event_is_refused(
    function: Callable[..., Any], why: str, handlers: Registry
) -> None:
    message = refusal(lambda: handlers.on("lock.*", name="mine")(function))
    assert message.startswith("mine(")
    assert "cannot be called with an event, or an event and a context: " in message
    if sys.version_info < (3, 12):  # later ones say it a little differently
        assert message.endswith(why)


@pytest.mark.parametrize("function", [None, 5, "lock.*", object()])
def test_what_is_no_function_is_refused(function: Any, handlers: Registry) -> None:
    message = refusal(lambda: handlers.on("lock.*", name="mine")(function))
    assert message == "mine is not a function that can be called"


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (str, "str"),
        (dict, "dict"),
        ("dict", "dict"),
        (Context, "Context"),
        (Optional[LockUnlockedEvent], "NoneType"),  # noqa: UP045
        (LockUnlockedEvent | str, "str"),
    ],
)
def test_an_annotation_that_is_no_event_is_refused(
    annotation: Any, shown: str, handlers: Registry
) -> None:
    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = annotation
    assert refusal(lambda: handlers.on("lock.*", name="mine")(handler)) == (
        f"mine: its event is annotated with {shown}, which is no event; "
        "annotate it with an event class of bellhop, or not at all"
    )


@pytest.mark.parametrize("pattern", ["lock.*", "*", "lock.locked"])
def test_an_annotation_that_does_not_fit_the_pattern_is_refused(
    pattern: str, handlers: Registry
) -> None:
    message = refusal(lambda: handlers.on(pattern, name="mine")(with_event))
    assert message.startswith(f'mine: "{pattern}" brings ')
    assert message.endswith("which is not the LockUnlockedEvent that its event is annotated with")


def test_a_handler_without_pattern_and_annotation_is_refused(handlers: Registry) -> None:
    assert refusal(lambda: handlers.on()(lambda event: None)).endswith(
        '@on needs a pattern, as in @on("lock.*"), or an event class as the annotation of the event'
    )


class Own(SeamEvent):
    """An event that Seam does not send."""


def test_a_class_of_no_known_type_needs_a_pattern(handlers: Registry) -> None:
    def handler(event: Own) -> None: ...

    assert refusal(lambda: handlers.on(handler)).endswith(
        "no known event type is a Own; give @on a pattern"
    )


@pytest.mark.parametrize("attempts", [0, -1, 1.5, "3", None, True, float("inf")])
def test_attempts_are_a_whole_number_from_one(attempts: Any, handlers: Registry) -> None:
    assert refusal(lambda: handlers.on("lock.*", name="mine", attempts=attempts)(plain)) == (
        f"mine: attempts is a whole number from 1, not {attempts!r}"
    )


@pytest.mark.parametrize(
    "timeout", [0, -1, 0.0, "3", None, True, float("nan"), float("inf"), 1e300, 24 * 3600 + 1]
)
def test_a_timeout_is_a_number_of_seconds(timeout: Any, handlers: Registry) -> None:
    assert refusal(lambda: handlers.on("lock.*", name="mine", timeout=timeout)(plain)) == (
        f"mine: timeout is a number of seconds above 0, at most 86400 (a day), not {timeout!r}"
    )


def test_a_refused_handler_leaves_nothing_behind(handlers: Registry) -> None:
    refusal(lambda: handlers.on("lock.*", timeout=0)(plain))
    assert list(handlers) == []
    assert names(handlers, "lock.unlocked") == []
