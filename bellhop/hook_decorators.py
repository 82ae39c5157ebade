"""`@on_dead` and `@on_quarantined`: what a registry offers besides `@on`."""

import re
from collections.abc import Callable
from typing import Any, TypeVar, Unpack, overload

from bellhop.callables import check_kind, is_async
from bellhop.handler import Context, Handler, InvalidHandler
from bellhop.hooks import DeadLetter, Hook, QuarantinedBody
from bellhop.inspection import Argument, check_annotation, default_name, wants_context
from bellhop.options import TIMEOUT, HookOptions, checked_options, refuse_misspelt
from bellhop.retries import ATTEMPTS

D = TypeVar("D", bound=Callable[[DeadLetter], object] | Callable[[DeadLetter, Context], object])
Q = TypeVar(
    "Q", bound=Callable[[QuarantinedBody], object] | Callable[[QuarantinedBody, Context], object]
)

_PATTERN = re.compile(r"[A-Za-z0-9_.<>:*-]{1,200}")
_ARGUMENTS = {
    Hook.DEAD: Argument(DeadLetter, "dead letter", "a dead letter", "on_dead()(alarms.tell)"),
    Hook.QUARANTINED: Argument(
        QuarantinedBody, "body", "a body in quarantine", "on_quarantined()(alarms.tell)"
    ),
}


class HookDecorators:
    """`on_dead` and `on_quarantined`, for a class that can check names and add handlers."""

    def _checked_name(self, name: object) -> str:
        raise NotImplementedError

    def _add(self, handler: Handler) -> None:
        raise NotImplementedError

    @overload
    def on_dead(self, function: D, /) -> D: ...

    @overload
    def on_dead(
        self, /, handler_pattern: str = "*", **options: Unpack[HookOptions]
    ) -> Callable[[D], D]: ...

    def on_dead(self, /, handler_pattern: Any = "*", **options: Any) -> Any:
        """Register a function to be called when a handler gives an event up.

        The function takes a `DeadLetter`, or that and a `Context`; it may be `async`. It is called
        and tried again as handlers are, and is a dead letter of its own if it gives up; no hook is
        called about that. If the dead letter was dealt with before its turn came, it is skipped.

        handler_pattern: of which handlers, by name: `*` stands for any run of characters.
        attempts, timeout, backoff, no_retry, name: as those of `on`.

        Raises `InvalidHandler`.
        """
        if callable(handler_pattern):
            return self.on_dead(**options)(handler_pattern)
        return self._hook(Hook.DEAD, handler_pattern, **options)

    @overload
    def on_quarantined(self, function: Q, /) -> Q: ...

    @overload
    def on_quarantined(self, /, **options: Unpack[HookOptions]) -> Callable[[Q], Q]: ...

    def on_quarantined(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function to be called when a signed body that is no event comes.

        The function takes a `QuarantinedBody`, or that and a `Context`. All else is as with
        `on_dead`.
        """
        if isinstance(function, str):
            raise InvalidHandler(
                f"@on_quarantined takes no pattern, such as {function!r}: it is called about every "
                "body in quarantine"
            )
        register = self._hook(Hook.QUARANTINED, "*", **options)
        return register if function is None else register(function)

    def _hook(
        self,
        hook: Hook,
        pattern: object,
        *,
        attempts: int = ATTEMPTS,
        timeout: float = TIMEOUT,
        name: str | None = None,
        backoff: Any = None,
        no_retry: Any = (),
        **misspelt: object,
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        refuse_misspelt(f"on_{hook}", misspelt, HookOptions)

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            label = self._checked_name(default_name(function) if name is None else name)
            if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
                raise InvalidHandler(
                    f"{label}: the pattern of a handler's name is 1 to 200 letters, digits or "
                    f'_.<>:-*, such as "handlers.doors.*", not {pattern!r}'
                )
            options = checked_options(
                label,
                attempts=attempts,
                timeout=timeout,
                backoff=backoff,
                no_retry=no_retry,
                in_order=False,
                concurrency=None,
            )
            check_kind(function, label)
            with_context = wants_context(function, label, _ARGUMENTS[hook])
            check_annotation(function, label, _ARGUMENTS[hook])
            self._add(
                Handler(
                    name=label,
                    function=function,
                    patterns=(pattern,),
                    is_async=is_async(function),
                    wants_context=with_context,
                    hook=hook,
                    **options,
                )
            )
            return function

        return register
