"""One log for everything: Bellhop, uvicorn, RQ and the user's handlers, as JSON or for a person.

Failures, retries, refusals and starts are at INFO or above; each accepted delivery and each success
is at DEBUG. Door codes are masked, in whatever a line holds.
"""

import logging
import os
import sys
import threading
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog

from bellhop.events.masking import DOTS, masked, printable
from bellhop.known_secrets import known_secrets
from bellhop.masked_output import masked_values
from bellhop.uuids import short_id

_SECRET_KEYS = frozenset(
    {"authorization", "client_session_token", "instant_key_url", "password", "secret", "token"}
)
"""Of the names in a line itself, no others: authors log an `exit_code`, and the `code` of an error.
A door code is known by its value."""
_TALKATIVE = ("uvicorn", "rq", "rq.worker", "rq.job", "asyncio", "watchfiles", "redis", "httpx")
_RECORD = {"_record", "_from_structlog"}
_FIRST = ("handler", "error", "event_type", "event_id", "device_id")
_OWN = ("bellhop", "bellhop_receiver", "bellhop_workers")
_UNSHOWN = "(cannot be shown)"

_Line = MutableMapping[str, Any]


class _Logger:
    """Writes Bellhop's own lines as `configure_logs` said, whatever the user's code configures.

    In a process where that was not called, a test or a user's program, as structlog's global
    configuration says, and without debug lines.
    """

    configured: Any = None
    writes_debug = False

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **values: Any) -> None:
        """Write a line at debug level. There is one for each event: mostly nobody wants it."""
        if _Logger.writes_debug:
            self.__getattr__("debug")(event, **values)

    def __getattr__(self, method: str) -> Any:
        own = _Logger.configured
        return getattr(own if own is not None else structlog.get_logger(self._name), method)


def get_logger(name: str) -> Any:
    """Return a structlog logger for Bellhop's own lines."""
    return _Logger(name)


def _mask(_logger: object, _method: str, line: _Line) -> _Line:
    """Make all that a line holds fit to be shown: tracebacks, too, so it comes after them.

    The names of its values stay as they are: in a worker, `masked_output` looks at the whole line
    again (0.25 ms while door codes are known), no matter which code wrote it.
    """
    for name, value in line.items():
        if name in _SECRET_KEYS:
            line[name] = DOTS
        elif name not in _RECORD and not (value is None or isinstance(value, bool)):
            line[name] = _fit(value)
    return line


def _fit(value: object) -> object:
    try:
        if isinstance(value, int | float):
            text = str(value)
            return value if known_secrets.mask(text) == text else DOTS
        if isinstance(value, str | bytes):
            return _text(str(masked(value, only_likely=True)))
        # A named tuple says itself what is to be seen of it.
        if isinstance(value, Mapping | list | tuple | set | frozenset) and not hasattr(
            value, "_fields"
        ):
            copy = masked(value, only_likely=True)
            text = str(copy)
            return copy if known_secrets.mask(text) == text else _without_secrets(copy)
        return _text(repr(value))
    except Exception:  # of an object that is not ours: a log must not break what it reports
        return _UNSHOWN


def _text(text: str) -> str:
    return printable(known_secrets.mask(text), keep="\n\t")


def _without_secrets(copy: object) -> object:
    """Return a copy of plain values without the secrets that stand in them, or over several."""
    inner = masked_values(copy, known_secrets.mask)
    text = str(inner)
    return inner if (rest := known_secrets.mask(text)) == text else rest


def _for_a_person(_logger: object, _method: str, line: _Line) -> _Line:
    """Put first what one looks for in a line on a terminal, and shorten the ids in it."""
    first = {name: line[name] for name in _FIRST if name in line}
    rest = {name: value for name, value in line.items() if name not in first}
    return {
        name: short_id(value) if isinstance(value, str) else value
        for name, value in {**first, **rest}.items()
    }


def _never_failing(render: structlog.typing.Processor) -> structlog.typing.Processor:
    """Return a renderer that gives up the values of a line rather than the line."""

    def rendered(logger: Any, method: str, line: _Line) -> Any:
        kept = dict(line)
        try:
            return render(logger, method, line)
        except Exception:  # as above
            words = {"event", "message", "level", "logger", "time"}
            return render(
                logger,
                method,
                {name: v if name in words else _UNSHOWN for name, v in kept.items()},
            )

    return rendered


class _Lines:
    """Writes lines to a stream, and never fails: a log must not break what it reports."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._renew_lock()
        # A process that is forked while another thread writes a line must not wait for it.
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def msg(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):
            try:
                self._stream.write(f"{line}\n")
            except UnicodeEncodeError:
                self._stream.write(f"{line.encode('ascii', 'backslashreplace').decode()}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def configure_logs(format: Literal["json", "console"] | None, level: str) -> None:
    """Send every log line to stderr, as JSON unless a person is looking.

    `format` decides; without one it is `console` on a terminal and `json` elsewhere.
    """
    console = format == "console" or (format is None and sys.stderr.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _mask,
        structlog.processors.TimeStamper(fmt="%H:%M:%SZ" if console else "iso", key="time"),
    ]
    render: structlog.typing.Processor
    if console:
        before.append(_for_a_person)
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            timestamp_key="time",
            sort_keys=False,
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        )
    else:
        before.append(structlog.processors.EventRenamer("message"))
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
    render = _never_failing(render)
    lines = _Lines(sys.stderr)
    wrapper = structlog.make_filtering_bound_logger(number)
    _Logger.writes_debug = number <= logging.DEBUG
    _Logger.configured = structlog.wrap_logger(
        lines, processors=[*before, render], wrapper_class=wrapper, context_class=dict
    ).bind()
    structlog.configure(
        processors=[*before, render],
        wrapper_class=wrapper,
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
        )
    )
    # Debug lines of libraries, of which a handler may use many, would bury those of Bellhop.
    logging.basicConfig(handlers=[handler], level=max(number, logging.INFO), force=True)
    for name in _OWN:
        logging.getLogger(name).setLevel(number)
    # Their INFO says of each job, request and start what our own lines say better.
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def unconfigure() -> None:
    """Have Bellhop's own lines written as structlog's global configuration says again."""
    _Logger.configured = None
    _Logger.writes_debug = False
