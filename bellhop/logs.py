"""One log for everything: Bellhop, uvicorn, RQ and the user's handlers, as JSON or for a person.

Failures, retries, refusals and starts are at INFO or above; each accepted delivery and each success
is at DEBUG. Door codes are masked.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from bellhop.events.masking import DOTS, SECRET

_SECRET_KEYS = SECRET | {"secret", "password", "token", "authorization"}


def _mask(
    _logger: object, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in _SECRET_KEYS.intersection(line):
        line[name] = DOTS
    return line


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
    structlog.configure(
        processors=[*before, render],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
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
    for name in ("uvicorn", "rq", "rq.worker", "rq.job", "asyncio", "watchfiles"):
        logging.getLogger(name).setLevel(logging.WARNING)
