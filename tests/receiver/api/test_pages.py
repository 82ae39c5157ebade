"""Pages: limits, offsets and cursors, and cursors that are not ours."""

import base64
from typing import Any

import pytest

from bellhop_receiver.api import calls
from bellhop_receiver.api.cursors import Cursors
from bellhop_receiver.api.parameters import MOST
from bellhop_receiver.api.refusal import Refusal
from tests.receiver.api.conftest import KEY, Api, ago
from tests.receiver.api.test_events import ids


def pages(api: Api, **asked: Any) -> list[list[str]]:
    """Return the ids of every page, each asked for with the cursor of the one before."""
    found = []
    cursor: dict[str, str] = {}
    while True:
        answer = api.get("/events/list", {**asked, **cursor}).json()
        found.append(ids(answer))
        pagination = answer["pagination"]
        assert set(pagination) == {"next_page_cursor", "has_next_page", "next_page_url"}
        if not pagination["has_next_page"]:
            assert pagination["next_page_cursor"] is pagination["next_page_url"] is None
            return found
        cursor = {"page_cursor": pagination["next_page_cursor"]}


def test_pages_together_are_the_whole(api: Api) -> None:
    newest_first = api.deliver_some(7, device_id="a")
    api.deliver_some(3, device_id="b")
    found = pages(api, since=ago(hours=1), device_id="a", limit=3)
    assert found == [newest_first[:3], newest_first[3:6], newest_first[6:]]
    assert [len(page) for page in pages(api, since=ago(hours=1), limit=5)] == [5, 5]


def test_what_arrives_meanwhile_moves_no_page(api: Api) -> None:
    newest_first = api.deliver_some(4)
    asked = {"since": ago(hours=1), "limit": 2}
    first = api.get("/events/list", asked).json()
    for _ in range(3):
        api.deliver()
    cursor = first["pagination"]["next_page_cursor"]
    second = api.get("/events/list", {**asked, "page_cursor": cursor}).json()
    assert ids(first) + ids(second) == newest_first


def test_events_of_one_millisecond_are_told_apart(api: Api) -> None:
    time = ago(seconds=1)
    newest_first = [api.deliver(created=time).event_id for _ in range(5)][::-1]
    found = pages(api, since=ago(hours=1), limit=2)
    assert [event_id for page in found for event_id in page] == newest_first


def test_the_url_of_the_next_page_asks_the_same(api: Api) -> None:
    newest_first = api.deliver_some(5, device_id="a")
    api.deliver_some(2, device_id="b")
    asked = {"since": ago(hours=1), "device_ids": ["a", "c d&e"], "limit": 2}
    for first in (api.get("/events/list", asked), api.post("/events/list", asked)):
        url = first.json()["pagination"]["next_page_url"]
        assert url.startswith("/events/list?")
        second = api.get(url)
        assert ids(second.json()) == newest_first[2:4]
        third = api.get(second.json()["pagination"]["next_page_url"])
        assert ids(third.json()) == newest_first[4:]


def test_an_offset_skips(api: Api) -> None:
    newest_first = api.deliver_some(5)
    asked = {"since": ago(hours=1), "unstable_offset": 2, "limit": 2}
    answer = api.get("/events/list", asked).json()
    assert ids(answer) == newest_first[2:4]
    rest = api.get(answer["pagination"]["next_page_url"]).json()
    assert ids(rest) == newest_first[4:]
    for beyond in (5, 6, 10_000):
        response = api.get("/events/list", {**asked, "unstable_offset": beyond})
        assert response.json()["events"] == []


def test_a_page_holds_500_events_unless_told_otherwise(api: Api) -> None:
    api.deliver_some(2)
    limit = _schema(api)["limit"]
    assert (limit["default"], limit["maximum"]) == (500, MOST)
    assert api.get("/events/list", {"since": ago(hours=1), "limit": MOST}).status_code == 200
    too_many = api.get("/events/list", {"since": ago(hours=1), "limit": MOST + 1})
    assert too_many.status_code == 400


def _schema(api: Api) -> dict[str, Any]:
    document = api.receiver.client.get("/openapi.json").json()
    properties: dict[str, Any] = document["components"]["schemas"]["EventsList"]["properties"]
    return properties


def test_a_page_of_huge_events_ends_early(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bellhop.ledger.record.MOST_BYTES", 2500)
    newest_first = api.deliver_some(5, ballast="x" * 1000)
    found = pages(api, since=ago(hours=1))
    assert found == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_a_cursor_that_was_changed_is_refused(api: Api) -> None:
    api.deliver_some(2)
    asked = {"since": ago(hours=1), "limit": 1}
    cursor = api.get("/events/list", asked).json()["pagination"]["next_page_cursor"]
    assert api.get("/events/list", {**asked, "page_cursor": cursor}).status_code == 200
    raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    changed = [
        *(
            cursor[:at] + ("A" if old != "A" else "B") + cursor[at + 1 :]
            for at, old in enumerate(cursor)
        ),
        cursor[:-1],
        cursor + "=",
        cursor + "\n",
        "-" + cursor,
        base64.urlsafe_b64encode(raw + b"0").decode(),
        base64.urlsafe_b64encode(b"1796000000000-1").decode(),
        "not a cursor",
        "ü",
        "=",
    ]
    for other in changed:
        for response in (
            api.get("/events/list", {**asked, "page_cursor": other}),
            api.post("/events/list", {**asked, "page_cursor": other}),
        ):
            assert response.status_code == 400, other
            error = response.json()["error"]
            assert error["type"] == "invalid_input"
            assert list(error["validation_errors"]) == ["_errors", "page_cursor"]


def test_a_cursor_of_another_list_or_key_is_refused() -> None:
    events = Cursors(KEY, calls.EVENTS_LIST)
    assert events.read(events.write(5, 6)) == (5, 6)
    for other in (
        Cursors(KEY, calls.ACTION_ATTEMPTS_LIST),
        Cursors("another key, as long", calls.EVENTS_LIST),
    ):
        with pytest.raises(Refusal):
            events.read(other.write(5, 6))


def test_a_null_cursor_asks_for_the_first_page(api: Api) -> None:
    newest_first = api.deliver_some(2)
    asked = {"since": ago(hours=1)}
    assert ids(api.get("/events/list", {**asked, "page_cursor": ""}).json()) == newest_first
    assert ids(api.post("/events/list", {**asked, "page_cursor": None}).json()) == newest_first
