"""What is listed: which events, in which order, how many, and as they came."""

import json
from typing import Any

import pytest
from redis import Redis

from bellhop.ledger import keys
from tests.receiver.api.conftest import Api, ago

CALLERS = pytest.mark.parametrize("method", ["GET", "POST"])


def call(api: Api, method: str, path: str, **asked: Any) -> dict[str, Any]:
    """Call, and return the answer if it is one."""
    response = api.get(path, asked) if method == "GET" else api.post(path, asked)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    assert answer["ok"] is True
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    """Return which events were listed."""
    return [event["event_id"] for event in answer["events"]]


@CALLERS
def test_events_are_listed_newest_first(api: Api, method: str) -> None:
    newest_first = api.deliver_some(3)
    assert ids(call(api, method, "/events/list", since=ago(hours=1))) == newest_first


@CALLERS
def test_an_event_is_returned_as_it_came(api: Api, method: str) -> None:
    delivery = api.deliver(code="1234", novel={"of": [1, 2.50, "ü"]})
    got = call(api, method, "/events/get", event_id=delivery.event_id)
    listed = call(api, method, "/events/list", since=ago(hours=1))
    assert got == {"event": json.loads(delivery.body), "ok": True}
    assert listed["events"] == [got["event"]]
    raw = api.get("/events/get", {"event_id": delivery.event_id})
    assert delivery.body in raw.content
    assert raw.headers["content-type"] == "application/json"
    assert raw.headers["cache-control"] == "no-store"


@CALLERS
def test_the_bounds_are_exclusive(api: Api, method: str) -> None:
    times = [ago(seconds=10 - number) for number in range(3)]
    first, second, third = (api.deliver(created=time).event_id for time in times)
    since = call(api, method, "/events/list", since=times[0])
    assert ids(since) == [third, second]
    between = call(api, method, "/events/list", between=[times[0], times[2]])
    assert ids(between) == [second]
    assert ids(call(api, method, "/events/list", between=[times[2], times[0]])) == []
    # A bound within a millisecond is after its beginning.
    finer = times[1].replace("Z", "001Z")
    assert ids(call(api, method, "/events/list", between=[times[0], finer])) == [second]
    assert ids(call(api, method, "/events/list", since=finer)) == [third]
    assert first not in ids(since)


@pytest.mark.parametrize("forms", [("{}Z", "{}+00:00", "{}", "{}000Z")])
def test_times_may_be_written_in_many_ways(api: Api, forms: tuple[str, ...]) -> None:
    api.deliver()
    for form in forms:
        since = form.format(ago(hours=1).removesuffix("Z"))
        assert len(call(api, "GET", "/events/list", since=since)["events"]) == 1
    assert len(call(api, "GET", "/events/list", since=ago(days=2)[:10])["events"]) == 1
    for since in ("0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59.999Z"):
        assert len(call(api, "GET", "/events/list", since=since)["events"]) == 1
    assert call(api, "GET", "/events/list", since="9999-12-31T23:59:59-14:00")["events"] == []


SCALARS = [
    "device_id",
    "access_code_id",
    "access_grant_id",
    "access_method_id",
    "acs_access_group_id",
    "acs_credential_id",
    "acs_encoder_id",
    "acs_entrance_id",
    "acs_system_id",
    "acs_user_id",
    "connect_webview_id",
    "connected_account_id",
    "customer_key",
    "space_id",
    "user_identity_id",
]
LISTS = [
    "device_ids",
    "access_code_ids",
    "access_grant_ids",
    "access_method_ids",
    "acs_system_ids",
    "space_ids",
]


@CALLERS
@pytest.mark.parametrize("name", SCALARS)
def test_an_id_filters(api: Api, method: str, name: str) -> None:
    wanted = api.deliver(**{name: "this one"}).event_id
    api.deliver(**{name: "another"})
    api.deliver()
    assert ids(call(api, method, "/events/list", since=ago(hours=1), **{name: "this one"})) == [
        wanted
    ]


@CALLERS
@pytest.mark.parametrize("names", LISTS)
def test_of_several_ids_any_will_do(api: Api, method: str, names: str) -> None:
    name = names.removesuffix("s")
    first, second = (api.deliver(**{name: value}).event_id for value in ("a", "b"))
    api.deliver(**{name: "c"})
    asked: dict[str, Any] = {"since": ago(hours=1), names: ["b", "a", "z"]}
    assert ids(call(api, method, "/events/list", **asked)) == [second, first]
    assert ids(call(api, method, "/events/list", **asked, **{name: "a"})) == [first]
    assert ids(call(api, method, "/events/list", **asked, **{name: "c"})) == []


@CALLERS
def test_types_filter(api: Api, method: str) -> None:
    locked = api.deliver(event_type="lock.locked").event_id
    unlocked = api.deliver(event_type="lock.unlocked").event_id
    novel = api.deliver(event_type="lock.jammed").event_id
    since = ago(hours=1)
    for event_type, event_id in (
        ("lock.locked", locked),
        ("lock.unlocked", unlocked),
        ("lock.jammed", novel),
    ):
        assert ids(call(api, method, "/events/list", since=since, event_type=event_type)) == [
            event_id
        ]
        got = call(api, method, "/events/get", event_type=event_type)
        assert got["event"]["event_id"] == event_id
    several = call(api, method, "/events/list", since=since, event_types=["lock.locked", "x.y"])
    assert ids(several) == [locked]


@CALLERS
def test_all_that_is_asked_for_must_be_true(api: Api, method: str) -> None:
    api.deliver(device_id="a", event_type="lock.locked")
    wanted = api.deliver(device_id="b", event_type="lock.locked", space_ids=["s", "t"]).event_id
    api.deliver(device_id="b", event_type="lock.unlocked", space_ids=["s", "t"])
    found = call(
        api,
        method,
        "/events/list",
        since=ago(hours=1),
        device_ids=["a", "b"],
        event_type="lock.locked",
        space_id="t",
    )
    assert ids(found) == [wanted]


@CALLERS
def test_events_are_found_by_their_ids(api: Api, method: str) -> None:
    newest_first = api.deliver_some(4)
    asked = [newest_first[2], "unknown", newest_first[0]]
    since = ago(hours=1)
    found = call(api, method, "/events/list", since=since, event_ids=asked)
    assert ids(found) == [newest_first[0], newest_first[2]]
    none = call(api, method, "/events/list", since=since, event_ids=asked, device_id="other")
    assert ids(none) == []


def test_of_an_empty_list_nothing_will_do(api: Api) -> None:
    api.deliver()
    for name in (*LISTS, "event_types", "event_ids"):
        for empty in (
            api.get("/events/list", {"since": ago(hours=1), name: ""}),
            api.post("/events/list", {"since": ago(hours=1), name: []}),
        ):
            assert empty.json()["events"] == []
            assert empty.json()["pagination"]["has_next_page"] is False


@CALLERS
def test_the_newest_event_of_a_device_is_got(api: Api, method: str) -> None:
    api.deliver(device_id="a", event_type="lock.locked", created=ago(seconds=3))
    newest = api.deliver(device_id="a", event_type="lock.unlocked", created=ago(seconds=1))
    api.deliver(device_id="a", event_type="lock.locked", created=ago(seconds=2))
    api.deliver(device_id="b")
    assert call(api, method, "/events/get", device_id="a")["event"]["event_id"] == newest.event_id
    both = call(api, method, "/events/get", device_id="a", event_id=newest.event_id)
    assert both["event"]["event_id"] == newest.event_id
    for asked in (
        {"device_id": "b", "event_id": newest.event_id},
        {"event_type": "lock.locked", "event_id": newest.event_id},
        {"event_id": "unknown"},
        {"device_id": "unknown"},
        {"event_type": "lock.jammed"},
    ):
        response = api.get("/events/get", asked)
        assert response.status_code == 404
        assert response.json()["error"]["type"] == "event_not_found"


def test_an_event_that_was_changed_in_redis_is_left_out_and_hides_no_other(
    api: Api, redis: Redis
) -> None:
    newest, changed, oldest = api.deliver_some(3)
    redis.hset(keys.event(changed), "body", b"\0sealed:in an earlier way")
    assert ids(call(api, "GET", "/events/list", since=ago(hours=1))) == [newest, oldest]
    assert api.get("/events/get", {"event_id": changed}).status_code == 404
