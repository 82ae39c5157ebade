"""What waits for handlers that no worker has, and how long they stay subscribed."""

import json

from bellhop.ledger import (
    ClaimLimit,
    GiveBack,
    keys,
    read_waiting,
)
from tests.bellhop.ledger.post import Post, done, park, retry, subscribed


def test_mail_is_kept_while_all_pools_are_away_and_until_their_workers_are_back(
    post: Post,
) -> None:
    post.begin("w", "one", "two")
    post.accept()
    post.end("w")
    post.now += 3 * 24 * 3_600_000

    assert post.sweep().abandoned == ()  # the first pool that is back, without workers yet
    post.begin("v", "one")
    for _ in range(11):
        post.now += 60_000
        post.redis.set(keys.SWEPT, post.now)  # as if somebody had swept each second
        post.sweep(alive=["v"])

    assert post.mail("one") == ["e1"]
    assert subscribed(post.redis) == {"one"}
    assert json.loads(post.record("e1", "two"))["state"] == "abandoned"


def test_a_handler_that_a_reload_took_away_is_forgotten_if_nothing_waits_for_it(
    post: Post,
) -> None:
    handlers = ("held", "idle", "parked", "ready", "retried")
    post.begin("w", *handlers)
    post.accept()
    post.claim("w", "idle")
    post.settle("w", "idle", done("e1"))
    post.claim("w", "parked")
    post.settle("w", "parked", park("e1"), give_back=GiveBack.PARK)
    post.claim("w", "retried")
    post.settle("w", "retried", retry("e1"))
    post.claim("w", "held")
    assert post.sweep(alone=True).forgotten == ()
    post.redis.hdel(keys.WORKERS, "w")
    post.redis.delete(keys.SETS)

    assert post.sweep(alone=True).forgotten == ()  # the new ones may be on their way
    post.begin("v", "new")
    assert post.sweep().forgotten == ()
    assert post.sweep(alone=True).forgotten == ("idle",)
    assert subscribed(post.redis) == {"held", "parked", "ready", "retried", "new"}
    post.check_mailboxes()


def test_what_waits_is_counted_in_all_its_places(post: Post) -> None:
    post.begin("w", "one", "two")
    post.accept(5)
    post.accept(3, "device:2")
    post.accept(1, "device:3")
    post.claim("w", "one", mailboxes=2)
    post.settle("w", "one", retry("e1"), give_back=GiveBack.KEEP)
    post.settle("w", "one", park("e6"), mailbox="device:2", give_back=GiveBack.PARK)

    found = read_waiting(post.ledger.redis, ["one", "two", "three"])

    assert (found["one"].mailboxes, found["one"].events, found["one"].retries) == (1, 8, 1)
    assert (found["two"].mailboxes, found["two"].events, found["two"].retries) == (3, 9, 0)
    assert not found["three"]


def test_a_silent_worker_that_settles_after_its_set_is_gone_leaves_no_note_of_it(
    post: Post,
) -> None:
    post.begin("w", "one")
    post.accept(3)
    handlers = post._sets["w"]
    limits = [ClaimLimit("one", 9, 9, slow=True)]
    post.ledger.claim("w", handlers, limits, now_ms=post.now)
    assert post.names("busy:") == [f"busy:{handlers.fingerprint}"]
    ours = []
    for number in range(1, 34):
        post.now += 1_000
        post.sweep()
        settled = post.ledger.settle("w", handlers, number, [], limits, now_ms=post.now)
        ours.append(settled.ours)
    assert all(ours)
    assert not post.redis.exists(keys.SETS)
    assert post.names("busy:") == []
