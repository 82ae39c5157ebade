"""What a shift writes down as it goes, and hands back in the end, even if Redis was away."""

import threading
import time
from datetime import timedelta
from pathlib import Path

from redis import Redis

from bellhop import LockEvent, SeamEvent
from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.ledger import Ledger, keys
from tests.workers.conftest import Workplace


def test_a_handler_that_keeps_the_worker_gives_back_the_mail_it_did_not_begin(
    workplace: Workplace,
) -> None:
    taken: list[str] = []
    other = workplace.next_worker()

    @workplace.on("lock.*")
    def keeps_the_worker(event: LockEvent) -> None:
        if event.device_id == "slow":
            while not taken:
                taken.extend(mail.mailbox for mail in other.claim())
                time.sleep(0.02)

    slow = workplace.deliver(device="slow")
    workplace.deliver(device="a")
    workplace.deliver(device="b")
    workplace.work()

    assert taken == ["device:a", "device:b"]
    assert workplace.state(slow) == "done"


def test_a_success_is_written_while_the_next_handler_takes_long(workplace: Workplace) -> None:
    @workplace.on("lock.*", timeout=10)
    def second_takes_long(event: SeamEvent) -> None:
        while event.event_id == second and workplace.state(first) != "done":
            time.sleep(0.02)

    first, second = workplace.deliver(device="a"), workplace.deliver(device="b")
    workplace.work()

    assert [workplace.state(one) for one in (first, second)] == ["done", "done"]


def test_a_shift_that_lost_its_lease_writes_nothing(workplace: Workplace) -> None:
    @workplace.on("lock.*", name="outlives")
    def outlives_the_lease(event: SeamEvent) -> None:
        workplace.die(under=f"{event.event_id} outlives")

    event_id = workplace.deliver()
    workplace.work()

    assert workplace.state(event_id) == "accepted"
    assert workplace.suspects("outlives") == ["device:front"]


def test_what_was_done_while_redis_is_away_is_written_when_it_is_back(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    with connect(server.url) as redis:
        workplace = Workplace(Ledger(redis, timedelta(days=1)))
        ran: list[str] = []
        restart = threading.Timer(0.5, server.start)

        @workplace.on("lock.*")
        def loses_redis(event: SeamEvent) -> None:
            ran.append(event.event_id)
            server.stop()
            restart.start()

        event_id = workplace.deliver()
        workplace.work()

        assert ran == [event_id]
        assert workplace.state(event_id) == "done"
    restart.join()
    server.stop()


def test_a_shift_ends_with_nothing_held(workplace: Workplace, redis: Redis) -> None:
    workplace.on("lock.*")(lambda event: None)
    for number in range(300):
        workplace.deliver(device=f"door{number % 7}")
    workplace.work()

    assert redis.zcard(keys.LEASES) == 0
    assert redis.keys(f"{keys.PREFIX}held:*") == []
    assert redis.keys(f"{keys.PREFIX}mail:*") == []


def test_a_worker_that_is_asked_to_stop_finishes_its_entry_and_gives_the_rest_back(
    workplace: Workplace, redis: Redis
) -> None:
    ran: list[str] = []

    @workplace.on("lock.*", name="stops")
    def asks_to_stop(event: SeamEvent) -> None:
        ran.append(event.event_id)
        workplace.runtime.stopping = True

    first = workplace.deliver(device="a")
    workplace.deliver(device="a")
    workplace.deliver(device="b")
    workplace.work()

    assert ran == [first]
    assert redis.zcard(keys.LEASES) == 0
    assert sorted(workplace.ready("stops")) == ["device:a", "device:b"]


def test_a_stop_in_the_middle_of_an_event_leaves_its_other_handlers_to_the_next_worker(
    workplace: Workplace,
) -> None:
    ran: list[str] = []

    @workplace.on("lock.*", name="first")
    def first(event: SeamEvent) -> None:
        workplace.runtime.stopping = True
        ran.append("first")

    @workplace.on("lock.*", name="second")
    def second(event: SeamEvent) -> None:
        ran.append("second")

    event_id = workplace.deliver(device="a")
    workplace.work()
    assert ran == ["first"]
    assert workplace.state(event_id) == "accepted"

    workplace.next_worker().work()
    assert ran == ["first", "second"]
    assert workplace.state(event_id) == "done"


def test_a_claim_is_repeated_when_redis_was_away(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / ".bellhop")
    server.start()
    with connect(server.url) as redis:
        workplace = Workplace(Ledger(redis, timedelta(days=1)))
        workplace.on("lock.*")(lambda event: None)
        event_id = workplace.deliver()
        server.stop()
        back = threading.Timer(0.5, server.start)
        back.start()
        workplace.work()

        assert workplace.state(event_id) == "done"
    back.join()
    server.stop()
