"""The registry behind `@on`.

Everything that can be wrong with a handler is refused when it is registered, in one sentence.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from bellhop.callables import check_kind, is_async
from bellhop.condition_checks import checked_conditions
from bellhop.conditions import MaxAge, Where
from bellhop.errors import BellhopError
from bellhop.events import EventType, SeamEvent
from bellhop.handler import Handler, InvalidHandler
from bellhop.hook_decorators import HookDecorators
from bellhop.inspection import EVENT, default_name, event_classes, wants_context
from bellhop.lifespans import Lifespan, Opens, checked_lifespan
from bellhop.nearest import did_you_mean, nearest
from bellhop.options import TIMEOUT, NoRetry, Options, checked_options, refuse_misspelt
from bellhop.patterns import check_event_classes, checked_pattern, fits_any, patterns_of
from bellhop.retries import ATTEMPTS, Backoff

F = TypeVar("F", bound=Callable[..., Any])
L = TypeVar("L", bound=Opens)

NAME = re.compile(r"[A-Za-z0-9_.<>:-]{1,200}")
_MATCHES_KEPT = 2048


class NoSuchHandler(BellhopError):
    """No handler that is registered has a name that fits."""


class Registry(HookDecorators):
    """Handlers and hooks in the order of their registration, and the lifespan of workers.

    `state`: what the lifespan of this process yielded, once it has. `only`: the patterns of names
    to which it is restricted, if it is; then `others` are those that it does not hold any more.
    """

    def __init__(self) -> None:
        self.registered_lifespan: Lifespan | None = None
        self.state: Any = None
        self.only: tuple[str, ...] = ()
        self.others: list[Handler] = []
        self._handlers: dict[str, Handler] = {}
        self._matches: dict[str, tuple[Handler, ...]] = {}

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._handlers.values())

    def __len__(self) -> int:
        return len(self._handlers)

    def get(self, name: str) -> Handler | None:
        """Return the handler of that name."""
        return self._handlers.get(name)

    def keep_only(self, patterns: Sequence[str]) -> None:
        """Take away all handlers and hooks whose names fit none of these patterns.

        The lifespan stays. `*` stands for any run of characters, as in the pattern of `on_dead`.
        Raises `NoSuchHandler` if one of them fits no name.
        """
        kept: set[str] = set()
        for text in patterns:
            fitting = [name for name in self._handlers if fits_any([text], name)]
            if not fitting:
                raise NoSuchHandler(self._nothing_fits(text))
            kept.update(fitting)
        self.others = [one for name, one in self._handlers.items() if name not in kept]
        self._handlers = {name: one for name, one in self._handlers.items() if name in kept}
        self._matches.clear()
        self.only = tuple(sorted(set(patterns)))

    def _nothing_fits(self, pattern: str) -> str:
        hint = did_you_mean(nearest(pattern, self._handlers, patterns=True))
        there_are = f"there are {', '.join(self._handlers)}" if self._handlers else "there is none"
        return f"no handler's name fits {pattern!r}; {f'{hint} ' if hint else ''}{there_are}"

    def match(self, event_type: str) -> tuple[Handler, ...]:
        """Return the handlers of an event type, in the order of their registration."""
        found = self._matches.get(event_type)
        if found is None:
            found = tuple(
                handler
                for handler in self._handlers.values()
                if not handler.hook and fits_any(handler.patterns, event_type)
            )
            # A sender could make up any number of types.
            if len(self._matches) >= _MATCHES_KEPT:
                self._matches.clear()
            self._matches[event_type] = found
        return found

    def lifespan(self, function: L, /) -> L:
        """Register a generator function, sync or async, as the lifespan of each worker process.

        It runs to its one `yield` before the worker takes mail: in the main thread, or, if it is
        async, on the event loop of async handlers. What it yields is `context.state` in handlers.
        What is behind the `yield` runs there, too, when a worker that stops has run its last
        handler. If it raises before, or takes longer than 60 s, the worker is replaced.

        Raises `InvalidHandler` if the function is no such generator, or another was registered.
        """
        found = checked_lifespan(function)
        if known := self.registered_lifespan:
            raise InvalidHandler(
                f"there are two lifespans, {known.name} and {found.name}: open everything in one, "
                "and yield it together"
            )
        self.registered_lifespan = found
        return function

    @overload
    def on(self, function: F, /) -> F: ...

    @overload
    def on(
        self,
        /,
        *patterns: EventType | str,
        **options: Unpack[Options],
    ) -> Callable[[F], F]: ...

    def on(
        self,
        /,
        *patterns: Any,
        attempts: int = ATTEMPTS,
        timeout: float = TIMEOUT,
        backoff: Backoff | None = None,
        no_retry: NoRetry = (),
        in_order: bool = False,
        concurrency: int | None = None,
        max_age: MaxAge | None = None,
        where: Where | None = None,
        name: str | None = None,
        allow_unknown: bool = False,
        **misspelt: object,
    ) -> Any:
        """Register a function as the handler of the event types that fit any of `patterns`.

        The function takes the event, or the event and a `Context`; it may be `async`, and stays a
        plain function. Without patterns, the annotation of its event says which types it handles.

        attempts: how often it is tried before the event goes to the dead letters.
        timeout: seconds that one run may take.
        backoff: the waits between attempts, as a list (the last is repeated) or a function of the
            number of the attempt that failed; seconds or `timedelta`. Unless given, 5 s, doubling
            up to 1 h, with jitter.
        no_retry: errors after which it is not tried again: the event goes to the dead letters.
        in_order: while an event of a device waits to be tried again, later ones of that device wait
            behind it, for this handler.
        concurrency: for how many devices it may be at work at a time, in all workers together.
        max_age: how old an event may be when the handler is about to be called: `"90s"`, `"30m"`,
            `"2h"`, `"7d"`, seconds or `timedelta`. An older one is skipped.
        where: which events it wants, as a dict of fields with the value that each must have, or a
            list of those that will do; or as a function of the event. The others are skipped.
        name: what it is called in the record; its module and name unless given. Keep it when you
            move the function, so that retries find it.
        allow_unknown: accept a pattern that fits no event type known today.

        Raises `InvalidHandler`.
        """
        refuse_misspelt("on", misspelt, Options)
        if len(patterns) == 1 and callable(patterns[0]) and not _is_event_class(patterns[0]):
            return self.on()(patterns[0])

        options = {
            "attempts": attempts,
            "timeout": timeout,
            "backoff": backoff,
            "no_retry": no_retry,
            "in_order": in_order,
            "concurrency": concurrency,
        }
        conditions = {"max_age": max_age, "where": where}

        def register(function: F) -> F:
            self._add_for_events(function, patterns, name, allow_unknown, options, conditions)
            return function

        return register

    def _add_for_events(
        self,
        function: Callable[..., Any],
        patterns: tuple[object, ...],
        name: str | None,
        allow_unknown: bool,
        options: Mapping[str, Any],
        conditions: Mapping[str, Any],
    ) -> None:
        label = self._checked_name(default_name(function) if name is None else name)
        accepted = checked_options(label, **options)
        check_kind(function, label)
        with_context = wants_context(function, label, EVENT)
        expected = event_classes(function, label)
        checked = [checked_pattern(pattern, label, allow_unknown) for pattern in patterns]
        if checked:
            check_event_classes(checked, expected, label)
        else:
            checked = patterns_of(expected, label)
        event_types = {one for pattern in checked for one in pattern.known_types()}
        self._add(
            Handler(
                name=label,
                function=function,
                patterns=tuple(pattern.text for pattern in checked),
                is_async=is_async(function),
                wants_context=with_context,
                conditions=checked_conditions(
                    label, **conditions, event_types=event_types, allow_unknown=allow_unknown
                ),
                **accepted,
            )
        )

    def _checked_name(self, name: object) -> str:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise InvalidHandler(
                f"a handler's name is 1 to 200 letters, digits or _.<>:-, not {name!r}"
            )
        if name in self._handlers:
            raise InvalidHandler(
                f"there are two handlers named {name}: give one of them another name, "
                'as in @on(…, name="…")'
            )
        return name

    def _add(self, handler: Handler) -> None:
        self._handlers[handler.name] = handler
        self._matches.clear()


def _is_event_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, SeamEvent)


registry = Registry()
"""The handlers of this process."""

if TYPE_CHECKING:
    # The same function, in more words: which pattern brings which events.
    from bellhop.typed import on as on
else:
    on = registry.on

lifespan, on_dead, on_quarantined = registry.lifespan, registry.on_dead, registry.on_quarantined
