"""What is in Redis, laid out as the model lays it out."""

import json
from typing import Any

from redis import Redis

from bellhop.ledger import About, keys

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


def of(redis: Redis) -> dict[str, Any]:
    """Read every key. Raises `AssertionError` for one that has no place in the ledger."""
    found: dict[str, Any] = {
        "events": {},
        "deliveries": {},
        "quarantine": {},
        "quarantine order": [],
        "drift": {},
        "log": [],
        "unindexed": [],
        "attempts": [],
        "created": {},
        "indexes": {},
        "unfinished": {},
        "behind": {},
        "newest": {},
        "mail": {},
        "ready": [],
        "careful": [],
        "doubts": {},
        "company": {},
        "shifts": {},
        "held": {},
        "last settle": {},
        "replaying": set(),
        "due": {},
        "dead": {},
        "waiting": None,
        "resting": {},
        "bells": set(),
        "swept": None,
    }
    accepted = 0
    logged: list[bytes] = []
    open_for: dict[str, set[str]] = {}
    drift: dict[str, dict[str, bytes]] = {}
    last_seen: dict[str, int] = {}
    answer: Any = redis.eval(_READ, 0)
    for raw_name, value, lives_ms in answer:
        name = raw_name.decode()
        assert name.startswith(keys.PREFIX), f"{name} lacks the hash tag"
        kind, _, rest = name.removeprefix(keys.PREFIX).partition(":")
        match kind:
            case "event":
                found["events"][rest] = _event(_pairs(value), lives_ms)
            case "deliveries" | "created":
                found[kind] = _numbers(value)
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
            case "drift" if rest:
                drift[rest] = _pairs(value)
            case "drift":
                last_seen = _numbers(value)
            case "quarantine":
                found["quarantine order"] = list(_pairs(value))
            case "log":
                found["log"] = [fields[1].decode() for _, fields in value]
                logged = [entry for entry, _ in value]
            case "attempts":
                orders = [int(entry.partition(b"-")[0]) for entry, _ in value]
                told = [fields[1].decode() for _, fields in value]
                found["attempts"] = list(zip(orders, told, strict=True))
            case "order":
                accepted = int(value)
            case "open":
                open_for[rest] = {handler.decode() for handler in value}
            case "unfinished" | "newest":
                found[kind][rest] = _numbers(value)
                assert kind == "unfinished" or lives_ms > 0, f"{name} stays for ever"
            case "behind":
                found["behind"][rest] = list(_pairs(value))
            case "mail":
                found["mail"][rest] = [entry.decode() for entry in value]
            case "held":
                found["held"][rest] = _numbers(value)
            case "ready" | "careful":
                found[kind] = [mailbox.decode() for mailbox in value]
            case "bell":
                assert lives_ms > 0, f"{name} stays for ever"
                found["bells"].add(rest)
            case "doubts" | "company" | "shifts" | "dead" | "resting":
                found[kind] = _numbers(value)
            case "due":
                for retry, due in _numbers(value).items():
                    event_id, handler, _ = retry.split(" ", 2)
                    found["due"][f"{event_id} {handler}"] = due
            case "settled":
                found["last settle"][rest] = (int(value), lives_ms > 0)
            case "replaying":
                found["replaying"] = {entry.decode() for entry in value}
            case "swept":
                found["swept"] = int(value)
            case "waiting":
                assert lives_ms > 0, f"{name} stays for ever"
                found["waiting"] = int(value)
            case _:
                raise AssertionError(f"{name} is in no table")
    assert accepted == max((event["order"] for event in found["events"].values()), default=accepted)
    places = [found["events"].get(event_id) for event_id in found["log"]]
    for entry, event in zip(logged, places, strict=True):
        assert not event or entry == b"%d-%d" % (event["order"], event["received"])
    assert {f"{handler} {mailbox}" for mailbox in open_for for handler in open_for[mailbox]} == set(
        found["unfinished"]
    )
    assert set(found["quarantine order"]) == set(found["quarantine"])
    assert set(drift) == set(last_seen)
    for name, fields in drift.items():
        assert name == b" ".join((fields["type"], fields["kind"], fields["field"])).decode()
        example = fields["example"].decode() or None
        first = int(fields["first"])
        found["drift"][name] = (example, int(fields["count"]), first, last_seen[name])
    return found


def _pairs(flat: list[bytes]) -> dict[str, bytes]:
    return dict(zip(map(bytes.decode, flat[::2]), flat[1::2], strict=True))


def _numbers(flat: list[bytes]) -> dict[str, int]:
    return {name: int(number) for name, number in _pairs(flat).items()}


def _event(fields: dict[str, bytes], lives_ms: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "records": {},
        "open": 0,
        "dead": 0,
        "begun": False,
        "deaths": {},
        "may be forgotten": lives_ms > 0,
    }
    for field, value in fields.items():
        name, _, rest = field.partition(":")
        match name:
            case "h":
                event["records"][rest] = value.decode()
            case "deaths":
                if int(value):
                    event["deaths"][rest or None] = int(value)
            case "body":
                event["body"] = value
            case "begun":
                event["begun"] = True
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
