"""What is in Redis, laid out as the model lays it out."""

from typing import Any

from redis import Redis

from bellhop.ledger import keys

_NUMBERS = ("received", "open", "dead")


def of(redis: Redis) -> dict[str, Any]:
    """Read every key. Raises `AssertionError` for one that has no place in the ledger."""
    found: dict[str, Any] = {
        "events": {},
        "deliveries": {},
        "quarantine": {},
        "log": [],
        "mail": {},
        "ready": [],
        "careful": [],
        "doubts": {},
        "shifts": {},
        "held": {},
        "last settle": {},
        "due": {},
        "dead": {},
        "waiting": None,
    }
    names = sorted(key.decode() for key in redis.keys("*"))
    for name, value, lives_ms in zip(
        names, _values(redis, names), _lives(redis, names), strict=True
    ):
        assert name.startswith(keys.PREFIX), f"{name} lacks the hash tag"
        kind, _, rest = name.removeprefix(keys.PREFIX).partition(":")
        match kind:
            case "event":
                found["events"][rest] = _event(value, lives_ms)
            case "delivery":
                assert lives_ms > 0, f"{name} stays for ever"
                found["deliveries"][rest] = value.decode()
            case "quarantined":
                found["quarantine"][rest] = (
                    value[b"body"],
                    value[b"problems"].decode(),
                    int(value[b"received"]),
                )
            case "quarantine":
                pass  # the index of the above, compared below
            case "log":
                found["log"] = [fields[b"event"].decode() for _, fields in value]
            case "mail" | "held":
                found[kind][rest] = _text(value)
            case "settled":
                found["last settle"][rest] = int(value)
            case "waiting":
                assert lives_ms > 0, f"{name} stays for ever"
                found["waiting"] = int(value)
            case _:
                assert not rest, f"{name} is in no table"
                assert kind in found, f"{name} is in no table"
                found[kind] = _text(value)
    indexed = _text(redis.zrange(keys.QUARANTINE, 0, -1, withscores=True))
    assert dict(indexed) == {name: of[2] for name, of in found["quarantine"].items()}
    for shift in found["held"]:
        lives = redis.pttl(f"{keys.PREFIX}settled:{shift}")
        assert lives < 0, f"{shift} holds mail, but its last settle will be forgotten"
    return found


def _values(redis: Redis, names: list[str]) -> list[Any]:
    types = redis.pipeline(transaction=False)
    for name in names:
        types.type(name)
    values = redis.pipeline(transaction=False)
    for name, kind in zip(names, types.execute(), strict=True):
        match kind:
            case b"string":
                values.get(name)
            case b"list":
                values.lrange(name, 0, -1)
            case b"hash":
                values.hgetall(name)
            case b"zset":
                values.zrange(name, 0, -1, withscores=True)
            case b"stream":
                values.xrange(name)
    return values.execute()


def _lives(redis: Redis, names: list[str]) -> list[int]:
    lives = redis.pipeline(transaction=False)
    for name in names:
        lives.pttl(name)
    return lives.execute()


def _text(value: Any) -> Any:
    """Return a list as texts, and a hash or a sorted set as integers by text."""
    if isinstance(value, dict):
        return {name.decode(): int(number) for name, number in value.items()}
    if value and isinstance(value[0], tuple):
        return {name.decode(): int(score) for name, score in value}
    return [item.decode() for item in value]


def _event(fields: dict[bytes, bytes], lives_ms: int) -> dict[str, Any]:
    event: dict[str, Any] = {
        "records": {},
        "open": 0,
        "dead": 0,
        "begun": False,
        "deaths": {},
        "may be forgotten": lives_ms > 0,
    }
    for raw_name, value in fields.items():
        name, _, rest = raw_name.decode().partition(":")
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
            case "received" | "open" | "dead":
                event[name] = int(value)
            case _:
                event[name] = value.decode()
    return event
