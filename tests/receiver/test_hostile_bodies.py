"""Bodies that are signed and made to hurt: each is kept or rejected, and the next is served.

Then those that are events all the same: accepted, and what re-parses them is not hurt either.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from redis import Redis
from structlog.testing import capture_logs

from bellhop import SeamEvent
from bellhop.events import masked
from bellhop.ledger import Ledger, keys
from tests.conftest import SECRET
from tests.receiver.conftest import Delivery, Receiver, let_shifts_be_enqueued
from tests.workers.conftest import Workplace

LIMIT = 512 * 1024
DIGITS = b"7" * (LIMIT - 200)
EVENT = {"event_id": "e1", "event_type": "lock.locked", "device_id": "d1"}


def event(**fields: Any) -> bytes:
    """Return an event's JSON; a field that is `...` is left out."""
    return json.dumps({k: v for k, v in {**EVENT, **fields}.items() if v is not ...}).encode()


def raw(name: str, value: bytes) -> bytes:
    """Return an event's JSON in which one field has a value that is written as it stands."""
    rest = event(**{name: ...})
    return b'{"' + name.encode() + b'":' + value + b"," + rest[1:]


HOSTILE: dict[str, bytes] = {
    # A known field of a wrong type
    "a number for a string": event(method=5),
    "a boolean for a string": event(method=True),
    "a list for a string": event(customer_key=["x"]),
    "an object for a string": event(workspace_id={"code": "739154826"}),
    "a number for a door code": event(code=739154826),
    "a string for a boolean": event(is_via_nfc="true"),
    "a number for a boolean": event(is_via_nfc=1),
    "a string for an object": event(device_custom_metadata="x"),
    "a list for an object": event(device_custom_metadata=[]),
    "a string for a list": event(event_type="device.disconnected", device_errors="x"),
    "a string in a list of objects": event(event_type="device.disconnected", device_errors=["x"]),
    "a wrong type far inside": event(
        event_type="device.disconnected", device_errors=[{}, {"message": 5}]
    ),
    "wrong in thousands of places": event(event_type="space.created", device_ids=[1] * 20_000),
    # Ids
    **{
        f"{name} that is {what}": event(**{name: value})
        for name in ("event_id", "event_type", "device_id")
        for what, value in {
            "missing": ...,
            "null": None,
            "a number": 5,
            "a boolean": True,
            "a list": ["e1"],
            "an object": {"id": "e1"},
        }.items()
    },
    "event_id that is empty": event(event_id=""),
    "event_type that is empty": event(event_type=""),
    "event_id with white space": event(event_id="e 1"),
    "event_id with a line end": event(event_id="e1\n"),
    "event_id with a NUL": event(event_id="e\x001"),
    "event_id that is very long": event(event_id="e" * 100_000),
    "event_type that is very long": event(event_type="lock." + "x" * 100_000),
    # Not an object
    "null": b"null",
    "a boolean": b"true",
    "a number": b"42",
    "a string": b'"lock.locked"',
    "a list": b"[]",
    "events in a list": b"[" + event() + b"]",
    "an event in a string": json.dumps(event().decode()).encode(),
    "an event in an envelope": b'{"event":' + event() + b"}",
    # Not JSON
    "nothing": b"",
    "white space": b" \r\n\t",
    "a word": b"hello",
    "a form": b"event_id=e1&event_type=lock.locked",
    "XML": b"<event><event_id>e1</event_id></event>",
    "an event cut off": event()[:-1],
    "two events": event() + event(event_id="e2"),
    "single quotes": event().replace(b'"', b"'"),
    "a comma too many": event()[:-1] + b",}",
    "a comment": b"/* */" + event(),
    "a NUL": b"\x00",
    "a NUL behind": event() + b"\x00",
    "a byte order mark": b"\xef\xbb\xbf" + event(),
    "a control character in a string": raw("name", b'"\x01"'),
    "half a character": raw("name", b'"\\ud800"'),
    "half a character as an id": raw("event_id", b'"\\udc00"'),
    # Not UTF-8
    "a byte that no text has": raw("name", b'"\xff"'),
    "half of a character of two bytes": raw("name", b'"\xc3"'),
    "half a surrogate pair": raw("name", b'"\xed\xa0\x80"'),
    "too long a character": raw("name", b'"\xf8\x88\x80\x80\x80"'),
    "UTF-16": event().decode().encode("utf-16"),
    "UTF-32": event().decode().encode("utf-32-be"),
    "only bytes": bytes(range(256)) * 1000,
    # No numbers
    "NaN in a known field": raw("method", b"NaN"),
    "NaN in a field that nobody knows": raw("n", b"NaN"),
    "NaN far inside": raw("n", b'[{"a":NaN}]'),
    "Infinity": raw("n", b"Infinity"),
    "minus Infinity": raw("n", b"-Infinity"),
    "NaN alone": b"NaN",
    "a number beyond all numbers": event(event_type="device.low_battery", battery_level=10**400),
    # Depth
    "200,000 lists that never end": b"[" * 200_000,
    "100,000 lists that end": b"[" * 100_000 + b"]" * 100_000,
    "100,000 objects that never end": b'{"a":' * 100_000,
    "80,000 objects that end": b'{"a":' * 80_000 + b"1" + b"}" * 80_000,
    "half a million lists": b"[" * LIMIT,
    "lists in a field that nobody knows": raw("n", b"[" * 200_000 + b"]" * 200_000),
    "objects in a field that nobody knows": raw("n", b'{"a":' * 80_000 + b"1" + b"}" * 80_000),
    "lists in a known field": raw("method", b"[" * 200_000 + b"]" * 200_000),
    "objects in metadata": raw("device_custom_metadata", b'{"a":' * 80_000 + b"1" + b"}" * 80_000),
    "lists in the id": raw("event_id", b"[" * 200_000 + b"]" * 200_000),
    "lists that never end in the type": raw("event_type", b"[" * 200_000),
    "201 lists": raw("n", b"[" * 201 + b"]" * 201),
    # Twice
    "an id twice": raw("event_id", b'"e1","event_id":"e2"'),
    "the same id twice": raw("event_id", b'"e1","event_id":"e1"'),
    "an id twice, once with an escape": raw("event_id", b'"e1","event\\u005fid":"e2"'),
    "a type twice": raw("event_type", b'"lock.locked","event_type":"lock.unlocked"'),
    "a field that nobody knows twice": raw("n", b'1,"n":2'),
    "a key twice far inside": raw("n", b'[{"a":{"b":1,"b":2}}]'),
    "a door code twice": raw("n", b'{"code":"739154826","code":"1"}'),
    "a field 50,000 times": raw("n", b"1" + b',"n":1' * 50_000),
    "thousands of fields twice": b"{"
    + b",".join(b'"k%d":1' % (n % 10_000) for n in range(20_000))
    + b"}",
    # 512 KiB of digits
    "digits alone": b"7" * LIMIT,
    "minus and digits alone": b"-" + b"7" * (LIMIT - 1),
    "digits for an id": raw("event_id", DIGITS),
    "digits for a type": raw("event_type", DIGITS),
    "digits for a string": raw("method", DIGITS),
    "digits for a door code": raw("code", DIGITS),
    "digits for a field that nobody knows": raw("n", DIGITS),
    "digits in a list": raw("n", b"[" + DIGITS + b"]"),
    "digits of a measurement": raw("battery_level", DIGITS).replace(
        b"lock.locked", b"device.low_battery"
    ),
    "digits of an exponent": raw("battery_level", b"1e" + DIGITS).replace(
        b"lock.locked", b"device.low_battery"
    ),
    "a number beyond all numbers that nobody knows": raw("n", b"1e400"),
    "a number beyond all numbers, far inside": raw("n", b'[{"a":[-1E+0309]}]'),
    "an exponent of half a megabyte": raw("n", b"-1e" + DIGITS),
    "a number of 400 digits with a point": raw("n", b"7" * 400 + b".5"),
    "a number of 251 digits with a small exponent": raw("n", b"1" + b"0" * 250 + b"e99"),
    # Not from Seam
    "a ping of Svix": b'{"event_type":"ping","data":{"success":true}}',
    "a test of Svix": b'{"test": 2432232314}',
}


def watched(receiver: Receiver, delivery: Delivery) -> tuple[int, Any, Any]:
    """Post; check that nothing failed and that the next is served; return what was answered."""
    with capture_logs() as lines:
        answer = receiver.post(delivery)
    assert [line for line in lines if line["log_level"] not in ("debug", "warning")] == []
    assert "739154826" not in str(lines)
    assert receiver.post(Delivery()).json() == {"outcome": "accepted"}
    return answer.status_code, answer.json(), answer.headers


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_body_is_kept_in_quarantine(what: str, receiver: Receiver, redis: Redis) -> None:
    delivery = Delivery(HOSTILE[what])
    assert len(delivery.body) <= LIMIT

    status, said, _ = watched(receiver, delivery)

    assert (status, said) == (202, {"outcome": "quarantined"})
    assert redis.zrange(keys.QUARANTINE, 0, -1) == [delivery.delivery_id.encode()]
    kept: dict[Any, Any] = redis.hgetall(keys.quarantined(delivery.delivery_id))
    assert kept[b"body"] == delivery.body
    assert 0 < len(kept[b"problems"]) < 2000
    assert b"739154826" not in kept[b"problems"]


@pytest.fixture
def rejecting(receivers: Callable[..., Receiver], redis: Redis) -> Iterator[Receiver]:
    """A receiver with BELLHOP_ON_INVALID=reject."""
    yield receivers(on_invalid="reject")
    let_shifts_be_enqueued(redis)


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_body_is_rejected_for_good_if_so_configured(
    what: str, rejecting: Receiver, redis: Redis
) -> None:
    delivery = Delivery(HOSTILE[what])

    status, said, headers = watched(rejecting, delivery)

    assert status == 422
    assert said["detail"] == "The body is not a Seam event."
    assert headers["webhook-delivery"] == "abort-message"
    assert not redis.exists(keys.QUARANTINE)


def signed_by_hand(body: bytes) -> Delivery:
    """Return a delivery of bytes that svix itself cannot sign, with their good signature."""
    delivery = Delivery(body)
    signed = f"{delivery.delivery_id}.{delivery.headers['svix-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    delivery.headers["svix-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return delivery


def test_a_signature_by_hand_is_the_same_as_one_by_svix() -> None:
    delivery = signed_by_hand(event())
    signature = delivery.headers["svix-signature"]
    assert (
        signature == Delivery(event(), delivery_id=delivery.delivery_id).headers["svix-signature"]
    )


def test_a_body_that_is_not_utf_8_is_kept_whoever_signed_it(
    receiver: Receiver, redis: Redis
) -> None:
    delivery = signed_by_hand(raw("name", b'"\xff"'))
    status, said, _ = watched(receiver, delivery)
    assert (status, said) == (202, {"outcome": "quarantined"})
    assert redis.hget(keys.quarantined(delivery.delivery_id), "body") == delivery.body


# Accepted all the same

LISTS = b"[" * 190 + b"1" + b"]" * 190
OBJECTS = b'{"a":' * 190 + b"1" + b"}" * 190
STRANGE: dict[str, bytes] = {
    "lists in a field that nobody knows": raw("n", LISTS),
    "objects in a field that nobody knows": raw("n", OBJECTS),
    "lists in an event that nobody knows": raw("n", LISTS).replace(b"locked", b"jammed"),
    "objects in metadata": raw("device_custom_metadata", OBJECTS),
    "a secret far inside": raw("n", OBJECTS.replace(b"1", b'{"code":"739154826"}')),
    "4,300 digits": raw("n", b"7" * 4300),
    "half a million digits behind the point": raw("n", b"0." + DIGITS),
    "a string of half a megabyte": raw("n", b'"' + DIGITS + b'"'),
    "a name of half a megabyte": raw(DIGITS.decode(), b"1"),
    "thousands of fields": event(**{f"n{number}": number for number in range(5_000)}),
    "a list of thousands": event(n=[0] * 50_000),
    "thousands of objects": event(n=[{}] * 20_000),
    "names that mean something to Python": event(
        **dict.fromkeys(("__class__", "__dict__", "_raw", "raw", "mailbox", "model_extra"), 1)
    ),
    "a NUL in a string": event(name="\x00"),
    "a device with a NUL": event(device_id="d\x001\n2 {x}"),
    "a device with a long id": event(device_id="d" * 100_000),
    "a type with a NUL": event(event_type="lock.\x00\n jammed"),
    "escapes": raw("n", b'"\\u0000\\ud83d\\udd12"'),
}


@pytest.fixture
def workplace(ledger: Ledger) -> Workplace:
    """A worker on the Redis of the receiver."""
    return Workplace(ledger)


@pytest.mark.parametrize("what", STRANGE)
def test_a_strange_event_is_accepted_and_handled(
    what: str, receiver: Receiver, workplace: Workplace
) -> None:
    seen: list[tuple[str, str, str]] = []
    after: list[str] = []

    @workplace.on("*")
    def strange(event: SeamEvent) -> None:
        if event.event_id == "e1":
            seen.append(
                (repr(event), json.dumps(masked(event), allow_nan=False), event.raw.decode())
            )
        after.append(event.event_id)

    next_one = Delivery(device_id="d1")
    assert receiver.post(Delivery(STRANGE[what])).json() == {"outcome": "accepted"}
    assert receiver.post(next_one).json() == {"outcome": "accepted"}
    workplace.work()

    assert sorted(after) == sorted(["e1", next_one.event_id])
    ((shown, copied, body),) = seen
    assert body == STRANGE[what].decode()
    assert "739154826" not in shown + copied
    assert workplace.state("e1") == workplace.state(next_one.event_id) == "done"
