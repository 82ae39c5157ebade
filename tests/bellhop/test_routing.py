"""Which handlers run for an event, in which order, and what is known of each."""

from collections.abc import Callable
from typing import Any

import pytest

import bellhop
from bellhop import Registry, SeamEvent
from bellhop.options import TIMEOUT
from bellhop.retries import ATTEMPTS
from bellhop.routing import NoSuchHandler, registry
from tests.bellhop.callables import HANDLERS
from tests.bellhop.registering import names, plain

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
def test_on_needs_no_parentheses(function: Callable[..., Any], handlers: Registry) -> None:
    assert handlers.on(function) is function
    (handler,) = handlers
    assert handler.patterns == ("lock.unlocked",)


def test_a_registry_can_be_restricted_to_some_handlers_and_hooks(handlers: Registry) -> None:
    for name in ("crm.tell", "crm.bill", "audit"):
        handlers.on("lock.*", name=name)(lambda event: None)
    handlers.on_dead(name="crm.given_up")(lambda letter: None)
    handlers.match("lock.unlocked")
    handlers.keep_only(["crm.tell", "*.given*", "crm.t*"])
    assert [one.name for one in handlers] == ["crm.tell", "crm.given_up"]
    assert [one.name for one in handlers.match("lock.unlocked")] == ["crm.tell"]
    assert handlers.get("audit") is None
    assert handlers.only == ("*.given*", "crm.t*", "crm.tell")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("crm", "no handler's name fits 'crm'; did you mean crm.*? there are crm.tell, audit"),
        ("audti", "no handler's name fits 'audti'; did you mean audit? there are crm.tell, audit"),
        ("Audit", "no handler's name fits 'Audit'; did you mean audit? there are crm.tell, audit"),
        ("zzz*", "no handler's name fits 'zzz*'; there are crm.tell, audit"),
    ],
)
def test_a_registry_is_not_restricted_to_what_is_not_there(
    handlers: Registry, pattern: str, message: str
) -> None:
    for name in ("crm.tell", "audit"):
        handlers.on("lock.*", name=name)(lambda event: None)
    with pytest.raises(NoSuchHandler) as refused:
        handlers.keep_only(["audit", pattern])
    assert str(refused.value) == message
    assert len(handlers) == 2


def test_a_registry_without_handlers_says_so(handlers: Registry) -> None:
    with pytest.raises(NoSuchHandler) as refused:
        handlers.keep_only(["crm"])
    assert str(refused.value) == "no handler's name fits 'crm'; there is none"


def test_a_builtin_can_be_a_handler(handlers: Registry) -> None:
    seen: list[object] = []
    handlers.on("lock.*", name="keep")(seen.append)
    handlers.on("lock.*")(print)
    assert [handler.wants_context for handler in handlers] == [False, False]


def test_a_handler_author_finds_everything_in_the_package() -> None:
    for name in bellhop.__all__:
        assert hasattr(bellhop, name)
    assert bellhop.on == registry.on
