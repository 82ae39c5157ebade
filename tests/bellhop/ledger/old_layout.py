"""A ledger as the version before handlers had mailboxes of their own left it, key by key."""

import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet
from redis import Redis

NOW = 1_796_000_000_000
RETENTION = 14 * 24 * 3600 * 1000

KEY = urlsafe_b64encode(b"k" * 32).decode()
"""What an encrypted one is encrypted with."""

_COUNTS = ("open", "dead", "begun", "deaths")

DONE = '{"state": "done", "attempts": [[1795999999000, 1.0, null]]}'
RETRYING = '{"state": "retrying", "attempts": [[1795999999000, 1.0, "OSError: away"]]}'
WAITING = '{"state": "waiting", "attempts": []}'
DEAD = '{"state": "dead", "attempts": [[1795999999000, 1.0, "OSError: away"]], "error": "away"}'


def key(name: str) -> str:
    return f"{{bellhop}}:{name}"


def write(redis: Redis) -> None:
    """Write events of every fate.

    `front` and `back`: e1, e3, e2 wait for all handlers, in this order of arrival. `held`: a shift
    was killed that held it; of e4 `quick` is through, `bell` is to try again, others are to see it.
    `front`: `bell` is to try e5 again, later, and e9 now. `order`: `strict` is to try e6 again, and
    e7 and e8 wait behind it. `bell` gave up e10, and nobody could read e11. e12 is over.
    """
    _event(redis, 1, "front", state="accepted")
    _event(redis, 2, "back", state="accepted", name="e3")
    _event(redis, 3, "front", state="accepted", name="e2")
    _event(redis, 4, "held", state="accepted", begun=1, deaths=0, quick=DONE, bell=RETRYING, open=1)
    _event(redis, 5, "front", state="retrying", open=1, bell=RETRYING, quick=DONE)
    _event(redis, 6, "order", state="retrying", open=1, strict=RETRYING)
    _event(redis, 7, "order", state="retrying", open=1, strict=WAITING)
    _event(redis, 8, "order", state="retrying", open=1, strict=WAITING)
    _event(redis, 9, "front", state="retrying", open=1, bell=RETRYING)
    _event(redis, 10, "front", state="dead", dead=1, bell=DEAD)
    _event(redis, 11, "front", state="dead", dead=1, **{"*": DEAD})
    _event(redis, 12, "front", state="done", quick=DONE)
    redis.pexpire(key("event:e12"), RETENTION)
    redis.set(key("order"), 12)
    redis.zadd(key("deliveries"), {f"msg_{number}": NOW for number in range(1, 13)})

    redis.rpush(key("mail:device:front"), "e1", "e2", "e9 bell")
    redis.rpush(key("mail:device:back"), "e3")
    redis.rpush(key("mail:device:held"), "e4")
    redis.rpush(key("ready"), "device:front")
    redis.rpush(key("careful"), "device:back")
    redis.hset(key("doubts"), "device:back", 1)
    redis.hset(key("company"), "device:back", 1)
    redis.zadd(key("shifts"), {"w/1": NOW})
    redis.hset(key("held:w/1"), "device:held", 1)
    redis.set(key("settled:w/1"), 7)
    redis.set(key("waiting"), NOW)
    redis.zadd(key("resting"), {"w/2": NOW})
    redis.lpush(key("bell:w/2"), NOW)

    redis.zadd(
        key("due"),
        {
            "e4 bell device:held": NOW + 60_000,
            "e5 bell device:front": NOW + 70_000,
            "e6 strict device:order": NOW + 80_000,
        },
    )
    for mailbox, handler, orders in (
        ("held", "bell", {"e4": 4}),
        ("front", "bell", {"e5": 5, "e9": 9}),
        ("order", "strict", {"e6": 6, "e7": 7, "e8": 8}),
    ):
        redis.sadd(key(f"open:device:{mailbox}"), handler)
        redis.zadd(key(f"unfinished:{handler} device:{mailbox}"), orders)
    redis.zadd(key("behind:strict device:order"), {"e7": 7, "e8": 8})
    redis.zadd(key("dead"), {"e10 bell": NOW, "e11 *": NOW})
    redis.set(key("swept"), NOW)


def sealed(body: bytes, encryption_key: str = KEY) -> bytes:
    """Return a body as that version stored it."""
    return b"\x00sealed:" + Fernet(encryption_key).encrypt(body)


def encrypt(redis: Redis) -> None:
    """Encrypt what was written, but for e5, which is of before there was a key.

    That version encrypted only bodies: `msg_q` in quarantine and the action attempt `a1` besides.
    """
    names: Any = redis.keys(key("event:*"))
    for name in names:
        body: Any = redis.hget(name, "body")
        if name != key("event:e5").encode():
            redis.hset(name, "body", sealed(body))
    redis.hset(key("quarantined:msg_q"), "body", sealed(b"no event"))
    redis.zadd(key("quarantine"), {"msg_q": NOW})
    redis.hset(key("attempt:a1"), "body", sealed(b"{}"))
    redis.set(key("sealed"), sealed(b"opened"))


def _event(
    redis: Redis, order: int, device: str, *, name: str = "", state: str, **more: str | int
) -> None:
    name = name or f"e{order}"
    counts = {field: more.pop(field) for field in _COUNTS if field in more}
    body = {"event_id": name, "event_type": "lock.unlocked", "device_id": device}
    about = json.dumps(["lock.unlocked", f"device:{device}", f"msg_{order}"])
    fields: dict[str, str | int] = {
        "body": json.dumps(body),
        "about": f"{NOW}-{order} {about}",
        "state": state,
        **counts,
        **{f"h:{handler}": record for handler, record in more.items()},
    }
    for field, value in fields.items():
        redis.hset(key(f"event:{name}"), field, value)
    redis.xadd(key("log"), {"event": name}, id=f"{order}-{NOW}")
    redis.zadd(key("created"), {str(order): NOW})
