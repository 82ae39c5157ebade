"""Which handlers run for an event, and what `@on` refuses."""

import functools
import inspect
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bellhop
from bellhop import (
    AccessCodeSetOnDeviceEvent,
    BellhopError,
    Context,
    InvalidHandler,
    LockEvent,
    LockLockedEvent,
    LockUnlockedEvent,
    Registry,
    SeamEvent,
)
from bellhop.events import TYPES
from bellhop.options import TIMEOUT
from bellhop.retries import ATTEMPTS
from bellhop.routing import Pattern, registry


@pytest.fixture
def handlers() -> Registry:
    return Registry()


def plain(event: Any) -> None:
    """Handle nothing."""


def names(handlers: Registry, event_type: str) -> list[str]:
    return [handler.name for handler in handlers.match(event_type)]


def refusal(register: Callable[[], object]) -> str:
    """Return the message with which a registration is refused: one line, as a BellhopError."""
    with pytest.raises(BellhopError) as caught:
        register()
    assert type(caught.value) is InvalidHandler
    message = str(caught.value)
    assert "\n" not in message
    return message


# Patterns


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("lock.unlocked", "lock.unlocked"),
        ("*", "lock.unlocked"),
        ("*", ""),
        ("*", "a\nb"),
        ("lock.*", "lock.unlocked"),
        ("lock.*", "lock."),
        ("device.*", "device.error.subscription_required.resolved"),
        ("*.failed_to_set_on_device", "access_code.failed_to_set_on_device"),
        ("access_code.failed_*", "access_code.failed_to_set_on_device"),
        ("*.*", "device.connected"),
        ("*code*", "access_code.set_on_device"),
        ("**", "lock.unlocked"),
        ("lock*unlocked", "lock.unlocked"),
        ("action_attempt.*.failed", "action_attempt.lock_door.failed"),
    ],
)
def test_a_star_stands_for_any_run_of_characters(pattern: str, event_type: str) -> None:
    assert Pattern(pattern).matches(event_type)


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("lock.unlocked", "lock.unlocked.twice"),
        ("lock.unlocked", "a.lock.unlocked"),
        ("lock.*", "lock"),
        ("lock.*", "a.lock.unlocked"),
        ("*.unlocked", "lock.unlocked.twice"),
        ("lock.unlocked", "lock.unlocked\n"),
        ("", "lock.unlocked"),
        ("device.error.subscription_required", "device.error.subscription_required.resolved"),
    ],
)
def test_a_pattern_fits_the_whole_type(pattern: str, event_type: str) -> None:
    assert not Pattern(pattern).matches(event_type)


@pytest.mark.parametrize("pattern", ["Lock.unlocked", "LOCK.*", "lock.Unlocked"])
def test_patterns_are_case_sensitive(pattern: str) -> None:
    assert not Pattern(pattern).matches("lock.unlocked")


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("lock.unlocked", "lockXunlocked"),
        ("lock.?nlocked", "lock.unlocked"),
        ("lock.[u]nlocked", "lock.unlocked"),
        ("lock.(unlocked)", "lock.unlocked"),
        ("lock.unlocked|x", "lock.unlocked"),
        ("lock.u+nlocked", "lock.unlocked"),
        (r"lock\.unlocked", "lock.unlocked"),
        ("^lock.unlocked$", "lock.unlocked"),
        ("lock.{unlocked,locked}", "lock.locked"),
        ("!lock.locked", "lock.unlocked"),
        (r"\w*", "lock.unlocked"),
    ],
)
def test_nothing_but_a_star_is_special(pattern: str, event_type: str) -> None:
    assert not Pattern(pattern).matches(event_type)


@pytest.mark.parametrize("text", ["a.b?[c]", "a|b", "(a)", "^a$", r"\d", "a+", "{a,b}", "a b", "é"])
def test_what_is_not_special_stands_for_itself(text: str) -> None:
    assert Pattern(text).matches(text)
    assert Pattern(f"{text}*").matches(f"{text}.more")


def fits(pattern: str, text: str) -> bool:
    """Say the same as `Pattern.matches`, in the words of its documentation."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] == text[0] and fits(pattern[1:], text[1:])


FEW = st.text("ab.*[]?\\^$\n", max_size=8)


@given(pattern=FEW, text=FEW)
def test_a_pattern_agrees_with_the_definition(pattern: str, text: str) -> None:
    assert Pattern(pattern).matches(text) == fits(pattern, text)


@given(text=st.text())
def test_a_pattern_without_a_star_fits_itself_and_nothing_else(text: str) -> None:
    pattern = Pattern(text.replace("*", "x"))
    assert pattern.matches(text.replace("*", "x"))
    assert not pattern.matches(text + "x")


# The order of registration


def test_handlers_are_matched_in_the_order_of_registration(handlers: Registry) -> None:
    for name, pattern in [("c", "*"), ("a", "lock.unlocked"), ("x", "device.*"), ("b", "lock.*")]:
        handlers.on(pattern, name=name)(plain)
    assert names(handlers, "lock.unlocked") == ["c", "a", "b"]
    assert names(handlers, "lock.locked") == ["c", "b"]
    assert [handler.name for handler in handlers] == ["c", "a", "x", "b"]
    assert len(handlers) == 4


def test_a_handler_with_several_patterns_that_fit_runs_once(handlers: Registry) -> None:
    handlers.on("lock.*", "*.unlocked", "lock.unlocked", name="a")(plain)
    assert names(handlers, "lock.unlocked") == ["a"]


def test_a_handler_added_later_is_matched_for_a_type_asked_for_before(handlers: Registry) -> None:
    handlers.on("lock.*", name="a")(plain)
    assert names(handlers, "lock.unlocked") == ["a"]
    handlers.on("*", name="b")(plain)
    assert names(handlers, "lock.unlocked") == ["a", "b"]


def test_an_unknown_type_is_matched_by_patterns_too(handlers: Registry) -> None:
    handlers.on("lock.*", name="a")(plain)
    assert names(handlers, "lock.melted") == ["a"]
    assert names(handlers, "melted") == []


def test_any_number_of_made_up_types_is_matched_rightly(handlers: Registry) -> None:
    handlers.on("lock.*", name="a")(plain)
    assert all(names(handlers, f"lock.{number}") == ["a"] for number in range(3000))
    assert all(names(handlers, f"other.{number}") == [] for number in range(3000))


def test_a_handler_is_found_by_its_name(handlers: Registry) -> None:
    handlers.on("lock.*", name="a")(plain)
    found = handlers.get("a")
    assert found is not None
    assert found.function is plain
    assert handlers.get("b") is None


def test_registries_know_nothing_of_each_other(handlers: Registry) -> None:
    handlers.on("lock.*")(plain)
    assert list(Registry()) == []
    assert plain not in [handler.function for handler in registry]


# What a handler is


def test_a_handler_stays_a_plain_function(handlers: Registry) -> None:
    def handler(event: SeamEvent) -> str:
        return "called"

    assert handlers.on("lock.*")(handler) is handler
    assert handler(None) == "called"  # type: ignore[arg-type]


def test_a_function_may_be_registered_twice_under_two_names(handlers: Registry) -> None:
    twice = handlers.on("lock.*", name="a")(handlers.on("device.*", name="b")(plain))
    assert twice is plain
    assert [handler.name for handler in handlers] == ["b", "a"]


def test_a_handler_is_named_by_its_module_and_name(handlers: Registry) -> None:
    def local(event: SeamEvent) -> None: ...

    handlers.on("lock.*")(local)
    (handler,) = handlers
    assert handler.name == (
        f"{__name__}.test_a_handler_is_named_by_its_module_and_name.<locals>.local"
    )


def test_what_is_not_said_has_a_default(handlers: Registry) -> None:
    handlers.on("lock.*")(plain)
    (handler,) = handlers
    assert (handler.attempts, handler.timeout) == (ATTEMPTS, TIMEOUT)
    assert handler.patterns == ("lock.*",)


def test_what_is_said_is_kept(handlers: Registry) -> None:
    handlers.on("lock.*", "device.*", attempts=1, timeout=2, name="mine")(plain)
    (handler,) = handlers
    assert handler.name == "mine"
    assert handler.patterns == ("lock.*", "device.*")
    assert (handler.attempts, handler.timeout) == (1, 2.0)


class Methods:
    def method(self, event: LockUnlockedEvent, context: Context) -> None: ...

    async def async_method(self, event: LockUnlockedEvent) -> None: ...

    @classmethod
    def of_class(cls, event: LockUnlockedEvent) -> None: ...

    @staticmethod
    def static(event: LockUnlockedEvent, context: Context) -> None: ...


class Callee:
    def __call__(self, event: LockUnlockedEvent) -> None: ...


class AsyncCallee:
    async def __call__(self, event: LockUnlockedEvent, context: Context) -> None: ...


class InStrings:
    def __call__(self, event: "LockUnlockedEvent", context: "Context") -> None: ...
    def method(self, event: "LockUnlockedEvent", context: "Context") -> None: ...


@dataclass
class Notifier:
    channel: str

    def __call__(self, event: LockUnlockedEvent) -> None: ...


def with_event(event: LockUnlockedEvent) -> None: ...
def with_context(event: LockUnlockedEvent, context: Context) -> None: ...
def with_any_second(event: LockUnlockedEvent, ctx: object) -> None: ...
def with_unannotated_second(event: LockUnlockedEvent, ctx) -> None: ...  # type: ignore[no-untyped-def]
def with_default(event: LockUnlockedEvent, dry_run: bool = False) -> None: ...
def with_default_context(event: LockUnlockedEvent, context: Context | None = None) -> None: ...
def with_third(event: LockUnlockedEvent, context: Context, dry_run: bool = False) -> None: ...
def with_keyword(event: LockUnlockedEvent, *, dry_run: bool = False) -> None: ...
def positional_only(event: LockUnlockedEvent, context: Context, /) -> None: ...
def with_stars(*args: LockUnlockedEvent, **kwargs: object) -> None: ...
def with_prefix(prefix: str, event: LockUnlockedEvent) -> None: ...
def in_strings(prefix: str, event: "LockUnlockedEvent", context: "Context") -> None: ...
async def async_event(event: LockUnlockedEvent) -> None: ...
async def async_context(event: LockUnlockedEvent, context: Context) -> None: ...
async def async_prefix(prefix: str, event: LockUnlockedEvent, context: Context) -> None: ...


@functools.wraps(with_context)
def wrapped(*args: Any, **kwargs: Any) -> None: ...


HANDLERS: list[tuple[str, Callable[..., Any], bool, bool]] = [
    ("a function of an event", with_event, False, False),
    ("a function of a context too", with_context, False, True),
    ("a second parameter of any annotation", with_any_second, False, True),
    ("a second parameter of none", with_unannotated_second, False, True),
    ("a second parameter with a default of its own", with_default, False, False),
    ("a context with a default", with_default_context, False, True),
    ("a third parameter with a default", with_third, False, True),
    ("a keyword with a default", with_keyword, False, False),
    ("positional parameters only", positional_only, False, True),
    ("any arguments", with_stars, False, False),
    ("a wrapped function", wrapped, False, True),
    ("an async function", async_event, True, False),
    ("an async function of a context too", async_context, True, True),
    ("a method", Methods().method, False, True),
    ("an async method", Methods().async_method, True, False),
    ("a class method", Methods.of_class, False, False),
    ("a static method", Methods.static, False, True),
    ("an object", Callee(), False, False),
    ("an object with fields", Notifier("support"), False, False),
    ("an async object", AsyncCallee(), True, True),
    ("a partial", functools.partial(with_prefix, "x"), False, False),
    ("a partial of a context too", functools.partial(with_context), False, True),
    ("an async partial", functools.partial(async_prefix, "x"), True, True),
    ("a partial with annotations in strings", functools.partial(in_strings, "x"), False, True),
    ("an object with annotations in strings", InStrings(), False, True),
    ("a method with annotations in strings", InStrings().method, False, True),
    ("a partial of an object", functools.partial(Notifier("support")), False, False),
]


@pytest.mark.parametrize(
    ("function", "is_async", "wants_context"),
    [case[1:] for case in HANDLERS],
    ids=[case[0] for case in HANDLERS],
)
def test_what_a_handler_is_and_wants_is_seen(
    function: Callable[..., Any], is_async: bool, wants_context: bool, handlers: Registry
) -> None:
    handlers.on("lock.unlocked")(function)
    (handler,) = handlers
    assert handler.function is function
    assert handler.is_async is is_async
    assert handler.wants_context is wants_context


@pytest.mark.parametrize(
    "function", [case[1] for case in HANDLERS], ids=[case[0] for case in HANDLERS]
)
def test_the_annotation_of_any_kind_of_handler_says_what_it_handles(
    function: Callable[..., Any], handlers: Registry
) -> None:
    handlers.on()(function)
    (handler,) = handlers
    assert handler.patterns == ("lock.unlocked",)


@pytest.mark.parametrize(
    "function", [case[1] for case in HANDLERS], ids=[case[0] for case in HANDLERS]
)
def test_on_needs_no_parentheses(function: Callable[..., Any], handlers: Registry) -> None:
    assert handlers.on(function) is function
    (handler,) = handlers
    assert handler.patterns == ("lock.unlocked",)


def test_a_builtin_can_be_a_handler(handlers: Registry) -> None:
    seen: list[object] = []
    handlers.on("lock.*", name="keep")(seen.append)
    handlers.on("lock.*")(print)
    assert [handler.wants_context for handler in handlers] == [False, False]


# Annotations instead of patterns


def test_a_base_class_stands_for_all_its_events(handlers: Registry) -> None:
    @handlers.on
    def handler(event: LockEvent) -> None: ...

    assert {name for name in TYPES if names(handlers, name)} == {
        name for name in TYPES if name.startswith("lock.")
    }


def test_the_class_of_all_events_stands_for_every_type_even_an_unknown_one(
    handlers: Registry,
) -> None:
    @handlers.on
    def handler(event: SeamEvent) -> None: ...

    assert all(names(handlers, name) for name in [*TYPES, "lock.melted"])


@pytest.mark.parametrize(
    "union",
    [
        LockLockedEvent | AccessCodeSetOnDeviceEvent,
        Union[LockLockedEvent, AccessCodeSetOnDeviceEvent],  # noqa: UP007
        "LockLockedEvent | AccessCodeSetOnDeviceEvent",
    ],
)
def test_a_union_stands_for_the_events_of_each(union: Any, handlers: Registry) -> None:
    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = union
    handlers.on(handler)
    assert {name for name in TYPES if names(handlers, name)} == {
        "access_code.set_on_device",
        "lock.locked",
    }


@pytest.mark.parametrize("annotation", [Any, object, SeamEvent, inspect.Parameter.empty])
def test_a_handler_of_any_event_takes_any_pattern(annotation: Any, handlers: Registry) -> None:
    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = annotation
    if annotation is inspect.Parameter.empty:
        handler.__annotations__.clear()
    handlers.on("device.*", "lock.*")(handler)
    assert len(handlers) == 1


def test_an_annotation_may_be_wider_than_the_pattern(handlers: Registry) -> None:
    @handlers.on("lock.unlocked")
    def handler(event: LockLockedEvent | LockUnlockedEvent) -> None: ...

    assert names(handlers, "lock.locked") == []


def module(source: str, handlers: Registry, path: Path) -> types.ModuleType:
    """Import a module with handlers, as a file of its own."""
    name = f"handlers_of_{path.name}"
    (path / f"{name}.py").write_text(source, encoding="utf-8")
    made = types.ModuleType(name)
    vars(made)["on"] = handlers.on
    exec(compile(source, path / f"{name}.py", "exec"), vars(made))
    return made


def test_annotations_may_be_put_off(handlers: Registry, tmp_path: Path) -> None:
    source = """
from __future__ import annotations
from bellhop import Context, LockUnlockedEvent

@on
async def handler(event: LockUnlockedEvent, context: Context) -> None: ...
"""
    module(source, handlers, tmp_path)
    (handler,) = handlers
    assert handler.patterns == ("lock.unlocked",)
    assert handler.wants_context


def test_the_context_may_be_imported_for_the_type_checker_only(
    handlers: Registry, tmp_path: Path
) -> None:
    source = """
from __future__ import annotations
from typing import TYPE_CHECKING
from bellhop import LockUnlockedEvent
if TYPE_CHECKING:
    from bellhop import Context
    from nowhere import Answer

@on
def handler(event: LockUnlockedEvent, ctx: Context) -> Answer: ...
"""
    module(source, handlers, tmp_path)
    (handler,) = handlers
    assert handler.patterns == ("lock.unlocked",)
    assert handler.wants_context


def test_the_event_may_be_imported_for_the_type_checker_only_if_there_is_a_pattern(
    handlers: Registry, tmp_path: Path
) -> None:
    source = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from bellhop import Context, LockUnlockedEvent

@on("lock.unlocked")
def handler(event: LockUnlockedEvent, context: Context = None) -> None: ...
"""
    module(source, handlers, tmp_path)
    (handler,) = handlers
    assert handler.wants_context


# Refusals


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
        'mine: no known event type fits "zzzzz"; (allow_unknown=True accepts it all the same)'
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
        (Methods.method, "missing a required argument: 'context'"),
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


def test_a_handler_author_finds_everything_in_the_package() -> None:
    for name in bellhop.__all__:
        assert hasattr(bellhop, name)
    assert bellhop.on == registry.on
