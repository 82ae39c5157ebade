"""When a worker leaves to be replaced, and that no two of a pool do at a time."""

import os
import signal
import time
from collections.abc import Iterator
from typing import cast

import pytest
import structlog

from bellhop import LockEvent
from bellhop.ledger import Ledger
from bellhop_workers import replacing, usage
from bellhop_workers.process import WorkerProcess
from bellhop_workers.replacing import Replacing
from bellhop_workers.usage import ReplacementToken, Usage, resident_bytes
from tests.workers.conftest import Workplace

MIB = 1024**2


def free_token() -> ReplacementToken:
    token = ReplacementToken()
    token.give()
    return token


@pytest.fixture
def asked() -> Iterator[list[int]]:
    """The signals that asked this process to stop."""
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    yield asked
    signal.signal(signal.SIGTERM, before)


def test_the_run_that_is_its_last_has_a_worker_leave_once(asked: list[int]) -> None:
    usage = Usage("w", most_runs=3, token=free_token())
    usage.count()
    usage.count()
    assert (usage.leaves, asked) == (False, [])
    with structlog.testing.capture_logs() as lines:
        usage.count()
        usage.count()
    assert asked == [signal.SIGTERM]
    assert usage.leaves
    assert [line["event"] for line in lines] == ["a worker handled its 3 events and is replaced"]
    assert [usage.begins_to_leave(), usage.begins_to_leave()] == [True, False]


def test_one_leaves_only_when_it_has_the_token(asked: list[int]) -> None:
    token = ReplacementToken()
    usage = Usage("w", most_runs=1, token=token)
    usage.count()
    assert (usage.may_have_token, asked) == (False, [])
    token.give()
    usage.count()
    assert (usage.leaves, asked) == (True, [signal.SIGTERM])
    assert not token.take()


def test_what_a_blocked_event_loop_gives_back_was_no_run(ledger: Ledger, asked: list[int]) -> None:
    place = Workplace(ledger, usage=Usage("w", most_runs=4, token=free_token()))
    other = place.next_worker()
    seen: list[str] = []

    @place.on("lock.*", timeout=20)
    async def blocks(event: LockEvent) -> None:
        seen.append(event.event_id)
        ends = time.monotonic() + 20
        while event.device_id == "slow" and len(seen) < 4 and time.monotonic() < ends:
            other.work()
            time.sleep(0.01)  # noqa: ASYNC251 - it is to block

    for device in ("slow", "d1", "d2", "d3"):
        place.deliver(device=device)
    place.work()
    assert len(seen) == 4
    assert asked == []


def test_without_a_limit_none_leaves(asked: list[int]) -> None:
    usage = Usage("w", token=free_token())
    for _ in range(1000):
        usage.count()
    assert asked == []


def test_the_resident_memory_of_a_process_is_what_it_uses() -> None:
    before = resident_bytes(os.getpid())
    more = b"x" * (50 * MIB)
    after = resident_bytes(os.getpid())
    assert before
    assert after
    assert 40 * MIB < after - before < 200 * MIB
    del more
    assert resident_bytes(2**22 + 1) is None


class Worker:
    """Plays a worker of a pool that uses `used` MiB."""

    def __init__(self, pid: int, usage: Usage) -> None:
        self.pid = pid
        self.name = f"w{pid}"
        self.usage = usage
        self.used = 0

    def replace(self) -> None:
        self.usage.leave()


class Pool:
    """Plays a pool: what its workers use is what they say."""

    def __init__(
        self, workers: int, max_memory: int | None = None, max_events: int | None = None
    ) -> None:
        self.living: dict[int, Worker] = {}
        self.own: list[int] = []
        self.replacing = Replacing(workers, max_events, max_memory and max_memory * MIB)

    def start(self, pid: int) -> Worker:
        self.living[pid] = worker = Worker(pid, self.replacing.usage_of(f"w{pid}"))
        return worker

    def start_ready(self, pid: int, used: int = 100) -> Worker:
        worker = self.start(pid)
        self.become_ready(worker, used)
        return worker

    def become_ready(self, worker: Worker, used: int = 100) -> None:
        worker.used = used
        self.own = [used * MIB]
        worker.usage.is_ready()

    def look(self) -> list[str]:
        """Look at the workers, and return those that leave."""
        self.replacing.look(cast("list[WorkerProcess]", list(self.living.values())))
        return [worker.name for worker in self.living.values() if worker.usage.leaves]

    def resident_bytes(self, pid: int) -> int:
        return self.living[pid].used * MIB if pid in self.living else self.own[0]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool for two workers that may run one handler, and use 200 MiB, each."""
    pool = Pool(2, max_memory=200, max_events=1)
    for module in (usage, replacing):
        monkeypatch.setattr(module, "resident_bytes", pool.resident_bytes)
    return pool


def test_of_two_workers_that_use_too_much_one_leaves_and_the_other_when_it_is_replaced(
    pool: Pool,
) -> None:
    first, other = pool.start_ready(1), pool.start_ready(2)
    assert pool.look() == []
    first.used = other.used = 201
    with structlog.testing.capture_logs() as lines:
        assert pool.look() == ["w1"]
    assert [line["event"] for line in lines] == ["a worker uses 201 MiB and is replaced"]
    assert pool.look() == ["w1"]

    del pool.living[1]
    assert pool.look() == []  # the other goes on
    replacement = pool.start(3)
    assert pool.look() == []
    pool.become_ready(replacement)
    assert pool.look() == ["w2"]


def test_of_two_workers_that_did_enough_one_leaves_and_the_other_when_it_is_replaced(
    pool: Pool, asked: list[int]
) -> None:
    first, other = pool.start_ready(1), pool.start_ready(2)
    for worker in (first, other, other):
        worker.usage.count()
    assert pool.look() == ["w1"]
    del pool.living[1]
    assert pool.look() == []
    other.usage.count()
    replacement = pool.start(3)
    other.usage.count()
    assert pool.look() == []
    pool.become_ready(replacement)
    other.usage.count()  # at once, before the pool looks again
    assert pool.look() == ["w2"]
    assert len(asked) == 2


def test_the_turn_of_a_worker_that_died_with_it_is_not_lost(pool: Pool, asked: list[int]) -> None:
    first, other = pool.start_ready(1), pool.start_ready(2)
    first.usage.count()
    del pool.living[1]
    pool.look()
    pool.start(3)
    del pool.living[3]  # before it was ready
    pool.look()
    pool.start_ready(4)
    other.usage.count()
    assert pool.look() == ["w2"]


def test_while_a_worker_that_died_is_not_replaced_no_other_leaves(
    pool: Pool, asked: list[int]
) -> None:
    pool.start_ready(1)
    other = pool.start_ready(2)
    pool.look()
    del pool.living[1]
    pool.look()
    other.usage.count()
    assert asked == []


def test_a_limit_below_what_an_idle_worker_needs_is_told_once_and_raised(pool: Pool) -> None:
    with structlog.testing.capture_logs() as lines:
        pool.start_ready(1, used=300)
        other = pool.start_ready(2, used=300)
        assert pool.look() == []
        assert pool.look() == []
        [told] = lines
        assert told["event"] == (
            "BELLHOP_MAX_MEMORY is below what a worker needs: it is replaced when it uses 375 MiB"
        )
        assert (told["max_memory"], told["idle"]) == ("200 MiB", "300 MiB")
        other.used = 376
        assert pool.look() == ["w2"]


def test_where_memory_cannot_be_seen_that_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (usage, replacing):
        monkeypatch.setattr(module, "resident_bytes", lambda _pid: None)
    with structlog.testing.capture_logs() as lines:
        pool = Pool(1, max_memory=200)
        pool.start_ready(1, used=900)
        assert pool.look() == []
        Pool(1)
    [line] = lines
    assert line["event"].endswith("BELLHOP_MAX_MEMORY has no effect")
