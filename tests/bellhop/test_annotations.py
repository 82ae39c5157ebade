"""What the annotation of its event says about a handler."""

import inspect
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union

import pytest

from bellhop import (
    AccessCodeSetOnDeviceEvent,
    LockEvent,
    LockLockedEvent,
    LockUnlockedEvent,
    Registry,
    SeamEvent,
)
from bellhop.events import TYPES
from tests.bellhop.callables import HANDLERS
from tests.bellhop.registering import names


@pytest.mark.parametrize(
    "function", [case[1] for case in HANDLERS], ids=[case[0] for case in HANDLERS]
)
def test_the_annotation_of_any_kind_of_handler_says_what_it_handles(
    function: Callable[..., Any], handlers: Registry
) -> None:
    handlers.on()(function)
    (handler,) = handlers
    assert handler.patterns == ("lock.unlocked",)


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
