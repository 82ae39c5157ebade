"""Moving a handler, whatever was done to its mail before."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from bellhop.connections import connect
from bellhop.ledger import (
    GiveBack,
    Ledger,
    keys,
)
from tests.bellhop.ledger.post import Post, done, park, retry, subscribed


@given(st.lists(st.sampled_from("aabcdefghij"), max_size=25), st.integers(1, 3))
def test_whatever_happened_each_event_is_with_the_new_handler_once_and_in_order(
    empty_redis: Redis, happened: list[str], pieces: int
) -> None:
    redis: Any = empty_redis
    redis.flushall()
    post = Post(Ledger(redis, timedelta(days=14)))
    post.begin("w", "old")
    for one in happened:
        _happen(post, one)
    post.end("w")
    given_to_old = [one for one in post.events() if _waits(post, one, "old")]

    for _ in range(pieces):
        post.move("old", "new", at=1)
    post.move("old", "new")

    post.check_mailboxes()
    assert "old" not in subscribed(redis)
    assert all(_waits(post, one, "new") or post.record(one, "new") for one in given_to_old)
    waiting = [one for name in post.names("mail:new ") for one in post.mail("new", name[9:])]
    waiting += [member.split()[0] for member in post.due() if not member.startswith(" ")]
    assert sorted(waiting) == [one for one in post.events() if _waits(post, one, "new")]


@pytest.fixture(scope="module")
def empty_redis(_server: Any) -> Iterator[Redis]:
    """A client that is there for all examples."""
    with connect(_server.url) as client:
        yield client


def _waits(post: Post, event_id: str, handler: str) -> bool:
    record = post.record(event_id, handler)
    return record is not None and (record == "" or '"retrying"' in record)


def _happen(post: Post, what: str) -> None:
    post.now += 1000
    match what:
        case "a":
            post.accept(2)
        case "b":
            post.accept(1, "device:2")
        case "c":
            post.begin("v", "new")
        case "d" | "e" | "f":
            _work(post, "w", "old", what)
        case "g" | "h" if "v" in post._sets:
            _work(post, "v", "new", "d" if what == "g" else "f")
        case "i":
            post.now += 61_000
            post.sweep(alive=["w", "v"])
        case "j" if "v" in post._sets and not post.redis.exists(keys.held("v")):
            post.claim("v", "new", entries=2)


def _work(post: Post, worker: str, handler: str, what: str) -> None:
    if post.redis.exists(keys.held(worker)):
        return
    outcome = {"d": done, "e": retry, "f": park}[what]
    claimed = post.claim(worker, handler, entries=1, mailboxes=1)
    for mail in claimed.mail:
        give_back = GiveBack.PARK if what == "f" else GiveBack.END
        entry = mail.entries[0].event.event_id
        post.settle(worker, handler, outcome(entry), mailbox=mail.mailbox, give_back=give_back)
