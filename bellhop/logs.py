"""One log for everything: Bellhop, uvicorn, RQ and the user's handlers, as JSON or for a person.

Failures, retries, refusals and starts are at INFO or above; each accepted delivery and each success
is at DEBUG. Door codes are masked.
"""

import logging
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, Literal, TextIO

import structlog

from bellhop.events.masking import DOTS, SECRET, hide

ABOUT = "_event"
"""The key under which a logger is bound to the event whose door codes its lines must not show."""

_SECRET_KEYS = SECRET | {"secret", "password", "token", "authorization"}


def _mask(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in _SECRET_KEYS.intersection(line):
        line[name] = DOTS
    event = line.pop(ABOUT, None)
    if event is not None and (secrets := event.secrets()):
        for name, value in line.items():
            line[name] = hide(value, secrets) if isinstance(value, str) else value
            if str(value) in secrets:
                line[name] = DOTS
    return line


class _Lines:
    """Writes lines to a stream, and never fails: a log must not break what it reports."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
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
        _mask,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        structlog.processors.TimeStamper(
            fmt="%H:%M:%S" if console else "iso", utc=not console, key="time"
        ),
    ]
    render: structlog.typing.Processor
    if console:
        render = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,
        )
    else:
        before.append(structlog.processors.EventRenamer("message"))
        render = structlog.processors.JSONRenderer(ensure_ascii=False)
    lines = _Lines(sys.stderr)
    structlog.configure(
        processors=[*before, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
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
    logging.basicConfig(handlers=[handler], level=number, force=True)
    # Their INFO says of each job and each start what our own lines say better.
    for name in ("uvicorn", "rq", "rq.worker", "rq.job", "asyncio", "watchfiles", "redis"):
        logging.getLogger(name).setLevel(logging.WARNING)
