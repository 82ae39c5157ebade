"""What Svix itself has to say: its operational messages about endpoints and deliveries.

They are signed as Seam's webhooks are, and are `{"type": …, "data": {…}}`
(https://docs.svix.com/incoming-webhooks). None is an event, and some say that events are lost.
"""

import re
from enum import Enum
from typing import Any, NamedTuple

from pydantic_core import from_json


class Urgency(Enum):
    """How a notice is logged, by the name of the level."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Notice(NamedTuple):
    """One message of Svix. `about`: ids that it names; `advice`: what to do, if there is anything.

    `ends`: the types of notices about the same endpoint that are over with it.
    """

    type: str
    urgency: Urgency
    says: str
    advice: str
    about: dict[str, str | int]
    ends: tuple[str, ...] = ()

    @property
    def endpoint(self) -> str:
        """The id of the endpoint, or ""."""
        return str(self.about.get("endpoint_id", ""))

    @property
    def is_alarm(self) -> bool:
        """Whether somebody has to do something."""
        return self.urgency is not Urgency.INFO and bool(self.advice)


_DISABLED, _FAILING = "endpoint.disabled", "message.attempt.failing"
_EXHAUSTED, _DELETED = "message.attempt.exhausted", "endpoint.deleted"
_CORRECT = "see what this receiver refused (its log, and the attempts in Seam's console)"

_KNOWN: dict[str, tuple[Urgency, str, str, tuple[str, ...]]] = {
    _DISABLED: (
        Urgency.ERROR,
        "Svix switched an endpoint off: no more webhooks come to it",
        f"{_CORRECT}, then enable the endpoint in Seam's console and recover what failed",
        (),
    ),
    _EXHAUSTED: (
        Urgency.ERROR,
        "Svix gave up delivering a webhook: its event is not here",
        f"{_CORRECT}, then resend the message from Seam's console",
        (),
    ),
    _FAILING: (
        Urgency.WARNING,
        "Svix could not deliver a webhook several times, and goes on trying",
        _CORRECT,
        (),
    ),
    _DELETED: (
        Urgency.WARNING,
        "an endpoint was deleted: no more webhooks come to it",
        "add it again in Seam's console, unless that was meant",
        (_DISABLED, _EXHAUSTED, _FAILING),
    ),
    "endpoint.enabled": (Urgency.INFO, "an endpoint was enabled", "", (_DISABLED,)),
    "endpoint.created": (Urgency.INFO, "an endpoint was created", "", ()),
    "endpoint.updated": (Urgency.INFO, "an endpoint was changed", "", ()),
    "message.attempt.recovered": (
        Urgency.INFO,
        "Svix delivered a webhook after all",
        "",
        (_FAILING,),
    ),
    "message.attempt.log": (Urgency.INFO, "Svix logged attempts to deliver", "", ()),
    "background_task.finished": (Urgency.INFO, "Svix finished a task", "", ()),
}

_FIELDS = {
    "endpointId": "endpoint_id",
    "appId": "app_id",
    "msgId": "message_id",
    "failSince": "failing_since",
    "trigger": "trigger",
}
_SHOWN = re.compile(r"[\w.:+-]{1,100}", re.ASCII)


def read_notice(body: bytes) -> Notice | None:
    """Return the operational message that a signed body is, or `None`."""
    try:
        sent: Any = from_json(body)
    except ValueError:
        return None
    if not isinstance(sent, dict) or "event_type" in sent or "event_id" in sent:
        return None
    kind, data = sent.get("type"), sent.get("data")
    if not isinstance(kind, str) or not isinstance(data, dict | list):
        return None
    bare = kind.removeprefix("ingest.")
    if bare not in _KNOWN:
        return None
    urgency, says, advice, ends = _KNOWN[bare]
    prefix = kind.removesuffix(bare)
    about = _about(data)
    return Notice(kind, urgency, says, advice, about, tuple(f"{prefix}{end}" for end in ends))


def _about(data: Any) -> dict[str, str | int]:
    if not isinstance(data, dict):
        return {}
    about: dict[str, str | int] = {
        ours: value
        for theirs, ours in _FIELDS.items()
        if isinstance(value := data.get(theirs), str) and _SHOWN.fullmatch(value)
    }
    last = data.get("lastAttempt")
    status = last.get("responseStatusCode") if isinstance(last, dict) else None
    if isinstance(status, int):
        about["answered"] = status
    return about
