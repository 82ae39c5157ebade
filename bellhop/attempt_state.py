"""The state of an action attempt, as the events about it tell it.

Deliveries come late, twice and in any order. So the state is a function of the set of events: which
one came first, or how often, does not matter. An event that says how the attempt ended outweighs
all that do not, so `pending` never comes back; of several that say so, the one that was created
last counts, and of those the one with the greatest `event_id`. What the better events lack is taken
from the others.

No event carries `result` or `error`: they are left out until they were fetched from Seam's API.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from bellhop.attempts import ActionAttempt
from bellhop.events import SeamEvent

_FAMILY = "action_attempt."
_ENDS = {"succeeded": "success", "failed": "error"}
_NEVER = datetime.min.replace(tzinfo=UTC)


def state_of(
    action_attempt_id: str, events: Iterable[SeamEvent], fetched: ActionAttempt | None = None
) -> ActionAttempt:
    """Return what is known of an attempt from these events, which are about it.

    `fetched`: what Seam's API said, which counts more than any event once it says how it ended.
    """
    best_first = sorted(events, key=_weight, reverse=True)
    known = [_told(event) for event in best_first]
    if fetched:
        # Under an event that knows the end, an answer of before it is only good for what it adds.
        sent = {
            name: value for name in fetched.model_fields_set if (value := getattr(fetched, name))
        }
        known.insert(0 if _is_end(fetched.status) else len(known), sent)
    state: dict[str, Any] = {"action_attempt_id": action_attempt_id}
    for fields in known:
        for name, value in fields.items():
            state.setdefault(name, value)
    return ActionAttempt.model_validate({"status": "pending", **state})


def _weight(event: SeamEvent) -> tuple[bool, datetime, str]:
    when = event.created_at or event.occurred_at or _NEVER
    return _is_end(_status(event)), when, event.event_id


def _told(event: SeamEvent) -> dict[str, str]:
    """Return the fields of the attempt that an event carries."""
    if not event.event_type.startswith(_FAMILY):
        return {}
    action_type = getattr(event, "action_type", None)
    if not isinstance(action_type, str):
        action_type = event.event_type.removeprefix(_FAMILY).rpartition(".")[0].upper()
    told = {"action_type": action_type, "status": _status(event)}
    return {name: value for name, value in told.items() if value}


def _status(event: SeamEvent) -> str | None:
    """Return how an event says it went: by its type, and where that is a new one, by its status."""
    if not event.event_type.startswith(_FAMILY):
        return None
    status = getattr(event, "status", None)
    said = status if isinstance(status, str) else None
    return _ENDS.get(event.event_type.rpartition(".")[2], said)


def _is_end(status: str | None) -> bool:
    return status is not None and status != "pending"
