"""What is in Redis, laid out as the model lays it out."""

import json
from typing import Any

from redis import Redis

from bellhop.ledger import VERSION, About, keys

# One call for all: a test takes thousands of snapshots.
_READ = """
local read = {
  string = function(name) return redis.call('GET', name) end,
  list = function(name) return redis.call('LRANGE', name, 0, -1) end,
  hash = function(name) return redis.call('HGETALL', name) end,
  zset = function(name) return redis.call('ZRANGE', name, 0, -1, 'WITHSCORES') end,
  set = function(name) return redis.call('SMEMBERS', name) end,
  stream = function(name) return redis.call('XRANGE', name, '-', '+') end,
}
local found = {}
for i, name in ipairs(redis.call('KEYS', '*')) do
  found[i] = {name, read[redis.call('TYPE', name).ok](name), redis.call('PTTL', name)}
end
return found
"""

_NUMBERS = ("seen", "limits", "alive", "leases", "due", "dead", "deliveries", "created")
"""Sorted sets and hashes of numbers, one for all."""

_NUMBERS_FOR_EACH = ("idle", "retrying", "newest", "held")

_LISTS_FOR_EACH = ("mail", "ready", "suspects")

_RQ = "queue"
"""Where tests keep the queues of RQ's, which are none of the ledger's keys."""


def empty() -> dict[str, Any]:
    """Return what an empty ledger looks like."""
    one = (*_NUMBERS, "quarantine", "drift", "subscriptions", "routes", "workers", "sets")
    for_each = (*_NUMBERS_FOR_EACH, *_LISTS_FOR_EACH)
    nested = (
        *("events", "indexes", "last settle", "working", "busy", "slow", "moving", "abandoning"),
        *("waiting", "alone", "draining", "told"),
    )
    return {
        **{name: {} for name in (*one, *for_each, *nested)},
        **{
            name: []
            for name in ("quarantine order", "log", "unindexed", "attempts", "unrouted", "untold")
        },
        "repairs": [],
        **{name: set() for name in ("paused", "replaying", "due since", "wake")},
        "calls": 0,
        "jumps": 0,
        "swept": None,
    }


_FAULTS = {"repair", "repairs", "repaired", "broken"}
"""What is left of faults: see `test_repairs`."""


def of(redis: Redis) -> dict[str, Any]:
    """Read every key. Raises `AssertionError` for one that has no place in the ledger."""
    found = empty()
    accepted = put_off = 0
    logged: list[bytes] = []
    told: dict[str, Any] = {}
    drift: dict[str, dict[str, bytes]] = {}
    last_seen: dict[str, int] = {}
    answer: Any = redis.eval(_READ, 0)
    for raw_name, value, lives_ms in answer:
        name = raw_name.decode()
        if name.startswith(_RQ):
            continue
        assert name.startswith(keys.PREFIX), f"{name} lacks the hash tag"
        kind, _, rest = name.removeprefix(keys.PREFIX).partition(":")
        match kind:
            case "event":
                found["events"][rest] = _event(_pairs(value), lives_ms)
            case "repairs":
                found[kind] = [one.decode() for one in value]
            case "repaired" | "repair" | "broken":
                pass
            case "unindexed":
                noted = (one.decode().split(" ", 3) for one in value)
                found[kind] = [(int(one), int(at), json.loads(rest)) for one, at, _, rest in noted]
            case "index":
                assert lives_ms > 0, f"{name} stays for ever"
                found["indexes"][rest] = _numbers(value)
            case "quarantined":
                fields = _pairs(value)
                found["quarantine"][rest] = (
                    fields["body"],
                    tuple(fields["problems"].decode().split("\n")),
                    json.loads(fields["headers"]),
                    int(fields["received"]),
                )
                if call := fields.get("told"):
                    found["told"][rest] = call.decode()
            case "quarantine":
                found["quarantine order"] = list(_pairs(value))
            case "drift" if rest:
                drift[rest] = _pairs(value)
            case "drift":
                last_seen = _numbers(value)
            case "log":
                found["log"] = [fields[1].decode() for _, fields in value]
                logged = [entry for entry, _ in value]
            case "attempts":
                orders = [int(entry.partition(b"-")[0]) for entry, _ in value]
                found[kind] = [
                    (order, fields[1].decode())
                    for order, (_, fields) in zip(orders, value, strict=True)
                ]
            case "order":
                accepted = int(value)
            case "subscriptions":
                found[kind] = {one: _subscription(text) for one, text in _pairs(value).items()}
            case "routes" | "sets":
                found[kind] = {one: text.decode().split() for one, text in _pairs(value).items()}
            case "set":
                told[rest] = [one["name"] for one in json.loads(value)["handlers"]]
            case "workers" | "moving" | "abandoning":
                found[kind] = {one: text.decode() for one, text in _pairs(value).items()}
            case "unrouted" | "untold":
                found[kind] = [one.decode() for one in value]
            case "paused" | "replaying":
                found[kind] = {one.decode() for one in value}
            case "working" | "busy" | "slow":
                found[kind][rest] = {one.decode() for one in value}
            case "wake":
                assert lives_ms > 0, f"{name} stays for ever"
                found[kind].add(rest)
            case "alone":
                found[kind][rest] = value.decode()
            case "draining":
                assert lives_ms > 0, f"{name} stays for ever"
                found[kind][rest] = value.decode()
            case "waiting":
                assert lives_ms > 0, f"{name} stays for ever"
                found[kind][rest] = int(value)
            case "settled":
                found["last settle"][rest] = (int(value), lives_ms > 0)
            case "due_since":
                found["due since"] = {one.decode() for one in value}
            case "put_off":
                put_off = int(value)
            case "calls" | "jumps" | "swept":
                found[kind] = int(value)
            case _ if kind in _NUMBERS:
                found[kind] = _numbers(value)
            case _ if kind in _NUMBERS_FOR_EACH:
                found[kind][rest] = _numbers(value)
                assert kind != "newest" or lives_ms > 0, f"{name} stays for ever"
            case _ if kind in _LISTS_FOR_EACH:
                found[kind][rest] = [one.decode() for one in value]
            case "version":
                assert int(value) == VERSION
            case _ if kind in _FAULTS:
                pass
            case _:
                raise AssertionError(f"{name} is in no table: {value}")
    found["due"] = {entry: at + put_off for entry, at in found["due"].items()}
    assert accepted == max((event["order"] for event in found["events"].values()), default=accepted)
    places = [found["events"].get(event_id) for event_id in found["log"]]
    for entry, event in zip(logged, places, strict=True):
        assert not event or entry == b"%d-%d" % (event["order"], event["received"])
    assert told == found["sets"]
    assert set(found["quarantine order"]) == set(found["quarantine"])
    assert set(drift) == set(last_seen)
    for name, fields in drift.items():
        assert name == b" ".join((fields["type"], fields["kind"], fields["field"])).decode()
        example = fields["example"].decode() or None
        first = int(fields["first"])
        found["drift"][name] = (example, int(fields["count"]), first, last_seen[name])
    return found


def _subscription(text: bytes) -> tuple[dict[str, list[str]], int]:
    """Return patterns, by what they are of, and since when they count."""
    told = json.loads(text)
    since = int(told.pop("since"))
    told.pop("expected", None)
    return {kind: sorted(patterns) for kind, patterns in told.items() if patterns}, since


def _pairs(flat: list[bytes]) -> dict[str, bytes]:
    return dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))


def _numbers(flat: list[bytes]) -> dict[str, int]:
    return {name: int(number) for name, number in _pairs(flat).items()}


def _event(fields: dict[str, bytes], lives_ms: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "state": "accepted",
        "records": {},
        "open": 0,
        "dead": 0,
        "deaths": {},
        "interrupted": {},
        "told": {},
        "may be forgotten": lives_ms > 0,
    }
    for field, value in fields.items():
        name, _, rest = field.partition(":")
        match name:
            case "h":
                event["records"][rest] = value.decode()
            case "deaths" | "interrupted":
                event[name][rest] = int(value)
            case "told":
                event[name][rest] = value.decode()
            case "body":
                event["body"] = value
            case "call":
                event["call"] = json.loads(value)
            case "about":
                about = About.read(value)
                event |= {"received": about.received_ms, "order": about.order}
                event |= {"type": about.event_type, "mailbox": about.mailbox}
                event["delivery"] = about.delivery_id
            case "open" | "dead":
                event[name] = int(value)
            case _:
                event[name] = value.decode()
    return event
