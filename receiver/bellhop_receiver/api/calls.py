"""The four calls: from parameters to the JSON that answers them.

They block; the endpoint runs them in a thread. An event is answered as it came, byte for byte.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from bellhop.attempts import ActionAttempt
from bellhop.ledger import Attempts, Page, Place, Query, Record, Recorded
from bellhop.logs import get_logger
from bellhop.vault import Damaged
from bellhop_receiver.api.cursors import Cursors
from bellhop_receiver.api.parameters import (
    ActionAttemptsGet,
    ActionAttemptsList,
    EventsGet,
    EventsList,
    Parameters,
)
from bellhop_receiver.api.refusal import Refusal

EVENTS_LIST: Final = "/events/list"
EVENTS_GET: Final = "/events/get"
ACTION_ATTEMPTS_LIST: Final = "/action_attempts/list"
ACTION_ATTEMPTS_GET: Final = "/action_attempts/get"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_log = get_logger("receiver")

_UNKNOWN_ERROR: Final = {
    "type": "unknown_error",
    "message": "It failed. Seam's events do not say why, and its API was not asked.",
}


class Calls:
    """Answers calls from the record. Its methods raise `Refusal`, `RedisError` and `Sealed`."""

    def __init__(self, record: Record, attempts: Attempts, api_key: str) -> None:
        self._record = record
        self._attempts = attempts
        self._places = Cursors(api_key, EVENTS_LIST)
        self._orders = Cursors(api_key, ACTION_ATTEMPTS_LIST)

    def events_list(self, asked: EventsList) -> bytes:
        """Return a page of events, the newest first."""
        after = None
        if asked.page_cursor is not None:
            after = Place(*self._places.read(asked.page_cursor))
        page = self._page(asked, after)
        bodies = b",".join(_bodies(page.events))
        cursor = self._places.write(*page.next) if page.next else None
        return b'{"events":[%s],"pagination":%s,"ok":true}' % (
            bodies,
            _pagination(EVENTS_LIST, asked, cursor),
        )

    def events_get(self, asked: EventsGet) -> bytes:
        """Return one event. Raises `Refusal` if there is none."""
        if asked.model_fields_set == {"event_id"} and asked.event_id:
            event = self._record.get(asked.event_id)
        else:
            page = self._record.page(_query_of_one(asked), limit=1)
            event = page.events[0] if page.events else None
        bodies = list(_bodies([event] if event else []))
        if not bodies:
            raise Refusal("event_not_found", "Event not found")
        return b'{"event":%s,"ok":true}' % bodies[0]

    def action_attempts_list(self, asked: ActionAttemptsList) -> bytes:
        """Return a page of action attempts, the one heard of last first."""
        before = None
        if asked.page_cursor is not None:
            [before] = self._orders.read(asked.page_cursor)
        found = self._attempts.list(
            action_attempt_ids=asked.action_attempt_ids,
            device_id=asked.device_id,
            limit=asked.limit + 1,
            before=before,
        )
        listed = found[: asked.limit]
        cursor = self._orders.write(listed[-1].order) if len(found) > len(listed) else None
        return b'{"action_attempts":%s,"pagination":%s,"ok":true}' % (
            _json([_sent(one.attempt) for one in listed]),
            _pagination(ACTION_ATTEMPTS_LIST, asked, cursor),
        )

    def action_attempts_get(self, asked: ActionAttemptsGet) -> bytes:
        """Return one action attempt. Raises `Refusal` if no event told about it."""
        found = self._attempts.get(asked.action_attempt_id)
        if found is None:
            raise Refusal("action_attempt_not_found", "Action attempt not found")
        return b'{"action_attempt":%s,"ok":true}' % _json(_sent(found.attempt))

    def _page(self, asked: EventsList, after: Place | None) -> Page:
        query = _query(asked)
        if query is None:
            return Page((), None)
        if asked.unstable_offset:
            after = self._record.skip(query, asked.unstable_offset, after=after)
            if after is None:
                return Page((), None)
        return self._record.page(query, limit=asked.limit, after=after)


def _query(asked: EventsList) -> Query | None:
    """Return what is looked for; nothing, if a list of what will do is empty."""
    about, types = asked.about(), asked.types()
    given: list[Sequence[str] | None] = [*about.values(), types, asked.event_ids]
    if any(values is not None and not values for values in given):
        return None
    since, until = asked.between or (asked.since, None)
    return Query(
        about=about,
        types=types or (),
        event_ids=asked.event_ids,
        # Events were created in whole milliseconds.
        since_ms=None if since is None else (since - _EPOCH) // _MILLISECOND,
        until_ms=None if until is None else -((_EPOCH - until) // _MILLISECOND),
    )


def _query_of_one(asked: EventsGet) -> Query:
    return Query(
        about={"device_id": [asked.device_id]} if asked.device_id else {},
        types=[asked.event_type] if asked.event_type else (),
        event_ids=[asked.event_id] if asked.event_id else None,
    )


def _bodies(events: Iterable[Recorded]) -> Iterator[bytes]:
    """Yield events as they came. One that was changed in Redis is left out, and hides no other."""
    for event in events:
        try:
            yield event.body
        except Damaged as error:
            _log.error("an event on record cannot be read; the API leaves it out", error=str(error))


def _sent(attempt: ActionAttempt) -> dict[str, Any]:
    """Return an attempt as Seam sends it: with a result if it succeeded, an error if it failed."""
    sent = attempt.model_dump(mode="json", by_alias=True)
    if attempt.succeeded and sent["result"] is None:
        sent["result"] = {}
    if attempt.failed and sent["error"] is None:
        sent["error"] = _UNKNOWN_ERROR
    return sent


def _pagination(path: str, asked: Parameters, cursor: str | None) -> bytes:
    url = None
    if cursor:
        # From the root: who knows under which names, and behind which proxies, we are reached?
        again = {**asked.given(), "page_cursor": cursor}
        again.pop("unstable_offset", None)
        url = f"{path}?{urlencode(sorted(again.items()), doseq=True)}"
    return _json(
        {"next_page_cursor": cursor, "has_next_page": cursor is not None, "next_page_url": url}
    )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
