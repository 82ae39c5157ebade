"""Every name that `bellhop` offers: `bellhop/__init__.py` imports this when one is used."""

from bellhop import events
from bellhop.attempts import ActionAttempt
from bellhop.errors import BellhopError
from bellhop.events import *  # noqa: F403 - every event class, as listed there
from bellhop.handler import Context, Drop, Handler, InvalidHandler, Retry
from bellhop.hooks import DeadLetter, QuarantinedBody
from bellhop.routing import Registry, lifespan, on, on_dead, on_quarantined
from bellhop.waiting import (
    ActionAttemptFailedError,
    ActionAttemptTimeoutError,
    ActionAttemptUnknownStatusError,
    wait_for_action_attempt,
    wait_for_action_attempt_sync,
)

__all__ = [
    "ActionAttempt",
    "ActionAttemptFailedError",
    "ActionAttemptTimeoutError",
    "ActionAttemptUnknownStatusError",
    "BellhopError",
    "Context",
    "DeadLetter",
    "Drop",
    "Handler",
    "InvalidHandler",
    "QuarantinedBody",
    "Registry",
    "Retry",
    "lifespan",
    "on",
    "on_dead",
    "on_quarantined",
    "wait_for_action_attempt",
    "wait_for_action_attempt_sync",
]
__all__ += events.__all__
