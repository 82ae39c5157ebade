"""What a shift does with mail: whom it calls, in which order, and what it writes down."""

import asyncio
import functools
import json
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from redis import Redis

from bellhop import Context, Drop, LockEvent, LockUnlockedEvent, Retry, SeamEvent
from bellhop.connections import connect
from bellhop.embedded import EmbeddedRedis
from bellhop.ledger import Ledger, keys
from bellhop.logs import configure_logs
from tests.workers.conftest import Workplace


def test_every_matching_handler_runs_in_the_order_of_registration(workplace: Workplace) -> None:
    ran: list[str] = []

    @workplace.on("lock.unlocked")
    def first(event: LockUnlockedEvent) -> None:
        ran.append("first")

    @workplace.on("device.*")
    def never(event: SeamEvent) -> None:
        ran.append("never")

    @workplace.on("lock.*")
    async def second(event: SeamEvent) -> None:
        ran.append("second")

    @workplace.on("*")
    def third(event: SeamEvent) -> None:
        ran.append("third")

    event_id = workplace.deliver()
    workplace.work()

    assert ran == ["first", "second", "third"]
    assert workplace.state(event_id) == "done"
    assert workplace.record(event_id, second)["state"] == "done"


def test_an_event_that_no_handler_matches_is_done_with_and_said_to_be_unhandled(
    workplace: Workplace,
) -> None:
    event_id = workplace.deliver()
    workplace.work()

    assert workplace.state(event_id) == "unhandled"
    assert workplace.ledger.redis.llen(keys.mail("device:front")) == 0


def test_a_type_that_nobody_knows_is_handled_as_what_its_name_says(workplace: Workplace) -> None:
    seen: list[SeamEvent] = []
    workplace.on("*")(seen.append)

    workplace.deliver("lock.jammed")
    workplace.deliver("lift.stuck")
    workplace.work()

    assert [type(event) for event in seen] == [LockEvent, SeamEvent]


def test_one_handlers_failure_neither_stops_nor_repeats_anothers_success(
    workplace: Workplace,
) -> None:
    ran: list[str] = []

    @workplace.on("lock.*")
    def fails_once(event: SeamEvent, context: Context) -> None:
        ran.append(f"fails_once {context.attempt}")
        if context.attempt == 1:
            raise RuntimeError("the lock is offline")

    @workplace.on("lock.*")
    def works(event: SeamEvent) -> None:
        ran.append("works")

    event_id = workplace.deliver()
    workplace.work()
    assert ran == ["fails_once 1", "works"]
    assert workplace.state(event_id) == "retrying"
    assert "RuntimeError: the lock is offline" in workplace.record(event_id, fails_once)["error"]

    workplace.work()
    assert ran == ["fails_once 1", "works"]  # not due yet

    workplace.later()
    workplace.work()
    assert ran == ["fails_once 1", "works", "fails_once 2"]
    assert workplace.state(event_id) == "done"
    assert len(workplace.record(event_id, fails_once)["attempts"]) == 2


def test_a_handler_that_used_up_its_attempts_leaves_a_dead_letter(workplace: Workplace) -> None:
    @workplace.on("lock.*", attempts=2, name="hopeless")
    def hopeless(event: SeamEvent) -> None:
        raise ValueError("never works")

    event_id = workplace.deliver()
    for _ in range(5):
        workplace.work()
        workplace.later()

    assert workplace.ledger.redis.zrange(keys.DEAD, 0, -1) == [f"{event_id} hopeless".encode()]
    assert workplace.state(event_id) == "dead"
    assert [error for *_, error in workplace.record(event_id, hopeless)["attempts"]] == [
        "ValueError: never works"
    ] * 2
    assert workplace.ledger.redis.ttl(keys.event(event_id)) == -1  # kept until dealt with


def test_the_first_retry_comes_after_about_five_seconds(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def fails(event: SeamEvent) -> None:
        raise RuntimeError

    workplace.deliver()
    before = time.time()
    workplace.work()

    assert 3.75 <= workplace.due() - before <= 6


@pytest.mark.parametrize("after", [90, 90.0, timedelta(seconds=90)])
def test_retry_comes_back_when_it_says(workplace: Workplace, after: float | timedelta) -> None:
    @workplace.on("lock.*")
    def waits(event: SeamEvent) -> None:
        raise Retry("the door is open", after=after)

    event_id = workplace.deliver()
    before = time.time()
    workplace.work()

    assert 90 <= workplace.due() - before + 0.002 <= 92
    assert workplace.record(event_id, waits)["error"] == "the door is open"


def test_drop_ends_it_and_keeps_the_reason(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def drops(event: SeamEvent) -> None:
        raise Drop("not our door")

    event_id = workplace.deliver()
    workplace.work()

    assert workplace.state(event_id) == "done"
    assert workplace.record(event_id, drops)["state"] == "dropped"
    assert workplace.record(event_id, drops)["error"] == "not our door"


def test_a_sync_handler_is_interrupted_when_its_time_is_up(workplace: Workplace) -> None:
    @workplace.on("lock.*", timeout=0.2)
    def hangs(event: SeamEvent) -> None:
        try:
            threading.Event().wait(30)
        except Exception:  # the usual way to swallow a timeout
            raise AssertionError from None

    @workplace.on("lock.*")
    def after(event: SeamEvent) -> None:
        time.sleep(0.3)  # outlives any alarm that was left behind

    event_id = workplace.deliver()
    workplace.work()

    record = workplace.record(event_id, hangs)
    assert "took longer than its timeout of 0.2 s" in record["error"]
    assert "threading.Event().wait(30)" in record["error"]  # where it was
    assert record["state"] == "retrying"
    assert workplace.record(event_id, after)["state"] == "done"


def test_an_async_handler_is_cancelled_when_its_time_is_up(workplace: Workplace) -> None:
    cleaned = threading.Event()

    @workplace.on("lock.*", timeout=0.2)
    async def hangs(event: SeamEvent) -> None:
        try:
            await asyncio.sleep(30)
        finally:
            cleaned.set()

    event_id = workplace.deliver()
    workplace.work()

    assert cleaned.is_set()
    assert "took longer than its timeout of 0.2 s" in workplace.record(event_id, hangs)["error"]


def test_a_timeout_error_of_its_own_is_an_ordinary_failure(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    async def fails(event: SeamEvent) -> None:
        raise TimeoutError("the lock did not answer")

    event_id = workplace.deliver()
    workplace.work()

    assert "TimeoutError: the lock did not answer" in workplace.record(event_id, fails)["error"]


def test_an_async_handler_in_a_wrapper_that_is_not_is_a_failure_and_not_done(
    workplace: Workplace,
) -> None:
    async def handler(event: SeamEvent) -> None: ...

    @workplace.on("lock.*")
    @functools.wraps(handler)
    def wrapped(event: SeamEvent) -> object:
        return handler(event)

    event_id = workplace.deliver()
    workplace.work()

    assert "make the wrapper async" in workplace.record(event_id, wrapped)["error"]


def test_async_handlers_of_many_devices_run_at_a_time(workplace: Workplace) -> None:
    together = 20
    all_began = asyncio.Barrier(together)

    @workplace.on("lock.*", attempts=1, timeout=10)
    async def waits_for_the_others(event: SeamEvent) -> None:
        await all_began.wait()

    ids = [workplace.deliver(device=f"door{number}") for number in range(together)]
    workplace.work()

    assert {workplace.state(event_id) for event_id in ids} == {"done"}


def test_async_handlers_see_one_devices_events_one_at_a_time_in_order(
    workplace: Workplace,
) -> None:
    seen: list[str] = []

    @workplace.on("lock.*")
    async def slower_first(event: SeamEvent) -> None:
        await asyncio.sleep(0.05 if not seen else 0)
        seen.append(event.event_id)

    ids = [workplace.deliver() for _ in range(5)]
    workplace.work()

    assert seen == ids


def test_a_handler_that_keeps_the_worker_gives_back_the_mail_it_did_not_begin(
    workplace: Workplace, redis_url: str
) -> None:
    taken: list[str] = []

    @workplace.on("lock.*")
    def keeps_the_worker(event: LockEvent) -> None:
        if event.device_id != "slow":
            return
        with connect(redis_url) as redis:
            other = Ledger(redis, timedelta(days=1))
            while not taken:
                claimed = other.claim(
                    "other/1", lease=timedelta(seconds=60), mailboxes=10, entries=10
                )
                taken.extend(mail.mailbox for mail in claimed.mail)
                time.sleep(0.02)

    slow = workplace.deliver(device="slow")
    workplace.deliver(device="a")
    workplace.deliver(device="b")
    workplace.work()

    assert taken == ["device:a", "device:b"]
    assert workplace.state(slow) == "done"


def test_a_success_is_written_while_the_next_handler_takes_long(workplace: Workplace) -> None:
    written = threading.Event()

    @workplace.on("lock.*", name="first")
    def first(event: SeamEvent) -> None: ...

    @workplace.on("lock.*", timeout=10)
    def takes_long(event: SeamEvent) -> None:
        while "h:first" not in workplace.ledger.event(event.event_id):
            time.sleep(0.02)
        written.set()

    event_id = workplace.deliver()
    workplace.work()

    assert written.is_set()
    assert workplace.state(event_id) == "done"


def test_a_shift_that_lost_its_lease_writes_nothing(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def outlives_the_lease(event: SeamEvent) -> None:
        workplace.later()

    event_id = workplace.deliver()
    workplace.work()

    assert workplace.state(event_id) == "accepted"
    assert workplace.ledger.redis.lrange(keys.CAREFUL, 0, -1) == [b"device:front"]


def test_a_handler_knows_its_attempt_its_delivery_and_when_it_came(workplace: Workplace) -> None:
    contexts: list[Context] = []

    @workplace.on("lock.*")
    def keeps(event: SeamEvent, context: Context) -> None:
        contexts.append(context)

    workplace.deliver()
    workplace.work()

    [context] = contexts
    assert (context.attempt, context.delivery_id) == (1, "msg_1")
    assert abs(datetime.now(UTC) - context.received_at) < timedelta(seconds=10)
    assert context.handler.endswith("keeps")


def test_door_codes_are_not_in_the_record_of_a_failure(workplace: Workplace) -> None:
    @workplace.on("access_code.set_on_device")
    def fails(event: SeamEvent) -> None:
        raise ValueError(f"cannot use {event.code}")  # type: ignore[attr-defined]

    event_id = workplace.deliver("access_code.set_on_device", access_code_id="ac", code="739155")
    workplace.work()

    record = json.dumps(workplace.record(event_id, fails), ensure_ascii=False)
    assert "739155" not in record
    assert "cannot use ••••" in record


def test_a_retry_of_a_handler_that_is_gone_becomes_a_dead_letter(workplace: Workplace) -> None:
    @workplace.on("lock.*", name="old")
    def old(event: SeamEvent) -> None:
        raise RuntimeError

    event_id = workplace.deliver()
    workplace.work()
    workplace.runtime.registry = Workplace(workplace.ledger).registry
    workplace.later()
    workplace.work()

    assert workplace.state(event_id) == "dead"
    assert "no handler named old" in workplace.record(event_id, old)["error"]


def test_an_entry_under_which_three_workers_died_becomes_a_dead_letter(
    workplace: Workplace,
) -> None:
    ran: list[str] = []

    @workplace.on("lock.*", name="deadly")
    def deadly(event: SeamEvent) -> None:
        ran.append(event.event_id)

    @workplace.on("lock.*", name="harmless")
    def harmless(event: SeamEvent) -> None:
        ran.append(f"harmless {event.event_id}")

    poison, next_one = workplace.deliver(), workplace.deliver()
    for number in range(4):  # the first death, with two entries in hand, tells nothing
        claimed = workplace.ledger.claim(
            f"dies/{number}", lease=timedelta(seconds=60), mailboxes=9, entries=9
        )
        assert len(claimed.mail) == 1
        workplace.ledger.sweep(queued=0, dead_workers=["dies"])
    workplace.work()

    assert ran == [f"harmless {poison}", next_one, f"harmless {next_one}"]
    assert workplace.record(poison, deadly)["error"].startswith("worker died")
    assert workplace.state(poison) == "dead"
    assert workplace.state(next_one) == "done"


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

    assert redis.zcard(keys.SHIFTS) == 0
    assert redis.keys(f"{keys.PREFIX}held:*") == []
    assert redis.keys(f"{keys.PREFIX}mail:*") == []


def test_a_worker_that_is_asked_to_stop_finishes_its_entry_and_gives_the_rest_back(
    workplace: Workplace, redis: Redis
) -> None:
    ran: list[str] = []

    @workplace.on("lock.*")
    def asks_to_stop(event: SeamEvent) -> None:
        ran.append(event.event_id)
        workplace.runtime.stopping = True

    first = workplace.deliver(device="a")
    workplace.deliver(device="a")
    workplace.deliver(device="b")
    workplace.work()

    assert ran == [first]
    assert redis.zcard(keys.SHIFTS) == 0
    assert sorted(redis.lrange(keys.READY, 0, -1)) == [b"device:a", b"device:b"]


def test_a_stop_in_the_middle_of_an_event_lets_all_its_handlers_run(workplace: Workplace) -> None:
    ran: list[str] = []

    @workplace.on("lock.*")
    async def first(event: SeamEvent) -> None:
        workplace.runtime.stopping = True
        ran.append("first")

    @workplace.on("lock.*")
    def second(event: SeamEvent) -> None:
        ran.append("second")

    event_id = workplace.deliver(device="a")
    other = workplace.deliver(device="a")
    workplace.work()

    assert ran == ["first", "second"]
    assert (workplace.state(event_id), workplace.state(other)) == ("done", "accepted")


def test_when_the_slice_is_over_mail_is_still_taken_beside_a_slow_async_handler(
    workplace: Workplace,
) -> None:
    workplace.runtime.slice = 0.0
    second_began = threading.Event()

    @workplace.on("lock.*", timeout=10)
    async def handler(event: LockEvent) -> None:
        if event.device_id == "fast":
            second_began.set()
        else:
            workplace.deliver(device="fast")
            await asyncio.to_thread(second_began.wait, 8)

    slow = workplace.deliver(device="slow")
    workplace.work()

    assert second_began.is_set()
    assert workplace.record(slow, handler)["state"] == "done"


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        KeyboardInterrupt(),
        asyncio.CancelledError(),
        ValueError("a cut \ud83d emoji"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_handler_raises_is_its_own_failure_and_nobody_elses(
    workplace: Workplace, is_async: bool, error: BaseException
) -> None:
    def fails(event: SeamEvent) -> None:
        raise error

    async def fails_async(event: SeamEvent) -> None:
        raise error

    @workplace.on("lock.*")
    def works(event: SeamEvent) -> None: ...

    handler = workplace.on("lock.*")(fails_async if is_async else fails)
    event_id = workplace.deliver(device="a")
    other = workplace.deliver(device="b")
    workplace.work()

    assert workplace.record(event_id, works)["state"] == "done"
    assert workplace.record(other, works)["state"] == "done"
    assert workplace.record(event_id, handler)["state"] == "retrying"
    assert type(error).__name__ in workplace.record(event_id, handler)["error"]


def test_a_task_that_leaves_the_event_loop_does_not_end_it(workplace: Workplace) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def leaves() -> None:
        raise SystemExit

    @workplace.on("lock.*", attempts=1)
    async def handler(event: SeamEvent) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(leaves()))
            await asyncio.sleep(0.05)

    first, second = workplace.deliver(device="a"), workplace.deliver(device="b")
    workplace.work()
    third = workplace.deliver(device="c")
    workplace.work()

    assert [workplace.state(one) for one in (first, second, third)] == ["done"] * 3
    with pytest.raises(SystemExit):
        tasks[0].result()


def test_a_handlers_log_lines_show_no_door_code(
    workplace: Workplace, capsys: pytest.CaptureFixture[str]
) -> None:
    @workplace.on("access_code.*")
    def logs(event: SeamEvent, context: Context) -> None:
        context.log.info(f"set {event.code}", new=event.code)  # type: ignore[attr-defined]

    configure_logs("json", "info")
    try:
        workplace.deliver("access_code.set_on_device", access_code_id="ac", code="739155")
        workplace.work()
    finally:
        structlog.reset_defaults()

    [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["message"], line["new"]) == ("set ••••", "••••")


def test_a_handlers_library_may_take_the_alarm(workplace: Workplace) -> None:
    @workplace.on("lock.*")
    def takes_it(event: SeamEvent) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    @workplace.on("lock.*", timeout=0.1)
    def hangs(event: SeamEvent) -> None:
        threading.Event().wait(30)

    event_id = workplace.deliver()
    workplace.work()

    assert "timeout" in workplace.record(event_id, hangs)["error"]


def test_a_record_that_cannot_be_read_stops_no_other(workplace: Workplace) -> None:
    @workplace.on("lock.*", name="handler")
    def handler(event: SeamEvent) -> None: ...

    broken, fine = workplace.deliver(device="a"), workplace.deliver(device="b")
    workplace.ledger.redis.hset(keys.event(broken), "body", "no longer JSON")
    workplace.work()

    assert workplace.state(broken) == "dead"
    assert workplace.state(fine) == "done"


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
