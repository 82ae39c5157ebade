"""The supervisor with children that are no processes, and the counting of signals."""

import errno
import signal
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
import structlog

from bellhop.processes import SIGNALS, StopSignals, command
from bellhop.supervisor import AS_PLANNED, CANNOT_START, Supervisor


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """Let no supervisor of a test keep the signals of this process."""
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGCHLD)}
    wakeup = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(wakeup)
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Actor:
    """Plays a process that ends when it is told to, with a code."""

    pid = 0

    def __init__(self, code: int | None = None, *, obeys: bool = True) -> None:
        self.code = code
        self.obeys = obeys
        self.killed = False

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        if self.obeys:
            self.code = 0

    def kill(self) -> None:
        self.killed = True
        self.code = -signal.SIGKILL


def run_until_a_death(code: int, failures: int) -> float:
    """Supervise a child that dies once, and return after how long it is to be started again."""

    def end(dead: Sequence[str]) -> None:
        if dead:
            supervisor.stop()

    supervisor = Supervisor(grace=1, tick=end)
    child = supervisor.add("child", lambda _name: Actor(code))
    child.failures = failures
    assert supervisor.run() == 0
    return child.next_start - time.monotonic()


@pytest.mark.parametrize("failures", [7, 1_027, 1_028, 100_000])
def test_a_child_that_fails_for_days_is_tried_every_ten_seconds(failures: int) -> None:
    assert 5 < run_until_a_death(1, failures) <= 10


def test_a_child_that_cannot_start_is_tried_with_growing_waits_however_long_it_took() -> None:
    def end(dead: Sequence[str]) -> None:
        if dead:
            supervisor.stop()

    supervisor = Supervisor(grace=1, tick=end)
    child = supervisor.add("child", lambda _name: Actor(CANNOT_START))
    child.failures, child.started = 4, time.monotonic() - 100
    with structlog.testing.capture_logs() as lines:
        supervisor.run()
    assert 1 < child.next_start - time.monotonic() <= 2
    assert [line["event"] for line in lines] == ["a process could not start; trying again"]


def test_a_child_that_ended_as_planned_is_replaced_at_once_and_without_a_word() -> None:
    with structlog.testing.capture_logs() as lines:
        assert run_until_a_death(AS_PLANNED, failures=7) <= 0
    assert lines == []


@pytest.mark.parametrize("code", [0, -signal.SIGTERM])
def test_a_child_that_was_restarted_is_replaced_at_once_and_without_a_word(code: int) -> None:
    restarted: list[str] = []

    def restart(dead: Sequence[str]) -> None:
        if child.starts == 3:
            supervisor.stop()
        elif not restarted:
            restarted.append(child.name)
            supervisor.restart(child)
            actors[0].code = code
        elif child.starts == 2 and not dead:
            actors[1].code = 0  # nobody asked this one

    actors: list[Actor] = []

    def start(_name: str) -> Actor:
        actors.append(Actor())
        return actors[-1]

    supervisor = Supervisor(grace=1, tick=restart, period=0.01)
    child = supervisor.add("child", start)
    with structlog.testing.capture_logs() as lines:
        supervisor.run()
    assert [line["event"] for line in lines] == [
        "a process ended without being asked and is replaced"
    ]


def test_a_signal_without_a_name_ends_only_its_child() -> None:
    with structlog.testing.capture_logs() as lines:
        run_until_a_death(-(signal.SIGRTMIN + 5), failures=0)
    assert [line["died_of"] for line in lines] == [f"signal {signal.SIGRTMIN + 5}"]


def test_a_child_that_ends_as_if_all_were_well_is_told_of() -> None:
    with structlog.testing.capture_logs() as lines:
        run_until_a_death(0, failures=0)
    assert [(line["log_level"], line["role"]) for line in lines] == [("warning", "child")]


def test_who_wants_to_know_of_a_stop_is_told_before_the_children() -> None:
    child = Actor()
    alive: list[bool] = []
    supervisor = Supervisor(grace=1, on_stop=lambda: alive.append(child.poll() is None))
    supervisor.add("child", lambda _name: child)
    supervisor.stop()
    assert supervisor.run() == 0
    assert alive == [True]


def test_the_end_of_a_child_is_seen_at_once() -> None:
    seen: list[Sequence[str]] = []

    def look(dead: Sequence[str]) -> None:
        if dead:
            seen.append(dead)
            supervisor.stop()

    supervisor = Supervisor(grace=1, tick=look, period=100)
    child = supervisor.add("child", command(["sleep", "0.5"]))
    began = time.monotonic()
    assert supervisor.run() == 0
    assert seen[0] == [child.name]
    assert time.monotonic() - began < 50


def test_a_child_that_cannot_be_started_is_tried_later_and_ends_no_other() -> None:
    other = Actor()
    tries: list[str] = []

    def start(name: str) -> Actor:
        tries.append(name)
        if len(tries) > 1:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return Actor(code=1)

    def stop_after_both(_dead: Sequence[str]) -> None:
        if len(tries) > 1:
            supervisor.stop()

    supervisor = Supervisor(grace=1, tick=stop_after_both, period=0.1)
    child = supervisor.add("child", start)
    supervisor.add("other", lambda _name: other)
    began = time.monotonic()
    with structlog.testing.capture_logs() as lines:
        assert supervisor.run() == 0
    assert [line["event"] for line in lines][1:] == ["cannot start a process yet"]
    assert began + 5 < child.next_start <= time.monotonic() + 10
    assert other.code == 0, "it was told to finish"


def test_a_child_that_dies_while_the_others_finish_is_looked_after_at_once() -> None:
    dies, finishes = Actor(), Actor(obeys=False)
    seen: list[Sequence[str]] = []

    def look(dead: Sequence[str]) -> None:
        if dead:
            seen.append(dead)
            finishes.code = 0

    supervisor = Supervisor(grace=10, tick=look, period=0.1)
    child, _ = (
        supervisor.add(role, lambda _name, actor=actor: actor)  # type: ignore[misc]
        for role, actor in (("dies", dies), ("finishes", finishes))
    )
    supervisor.stop()
    assert supervisor.run() == 0
    assert seen[0] == [child.name]
    assert child.starts == 1, "it is not replaced"
    assert not finishes.killed


def test_the_tick_goes_on_while_children_finish() -> None:
    finishes = Actor(obeys=False)
    ticks = 0

    def look(_dead: Sequence[str]) -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 3:
            finishes.code = 0

    supervisor = Supervisor(grace=10, tick=look, period=0.1)
    supervisor.add("finishes", lambda _name: finishes)
    supervisor.stop()
    assert supervisor.run() == 0
    assert not finishes.killed


def test_who_outlives_the_grace_is_killed() -> None:
    lingers = Actor(obeys=False)
    supervisor = Supervisor(grace=0.1)
    supervisor.add("lingers", lambda _name: lingers)
    supervisor.stop()
    assert supervisor.run() == 0
    assert lingers.killed


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets a minute pass."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def pass_a_minute() -> None:
        nonlocal now
        now += 60

    return pass_a_minute


def test_signals_are_counted_and_two_at_the_same_moment_are_one(
    later: Callable[[], None],
) -> None:
    signals = StopSignals()
    assert [signals.came(), signals.came()] == [1, 1]
    later()
    assert [signals.came(), signals.came()] == [2, 2]


def test_a_signal_and_the_parents_are_one_however_late_that_is(
    later: Callable[[], None],
) -> None:
    signals = StopSignals()
    for count in (1, 2, 3):
        assert signals.came() == count
        later()
        signals.pass_on()
        assert signals.came() == count
        later()


def test_a_signal_between_what_the_parent_says_and_does_is_none_more(
    later: Callable[[], None],
) -> None:
    signals = StopSignals()
    signals.pass_on()
    assert signals.came() == 1
    later()
    assert signals.came() == 1  # the parent's own
    later()
    assert signals.came() == 2


def test_the_parents_second_signal_counts_even_at_the_same_moment() -> None:
    signals = StopSignals()
    signals.pass_on()
    assert signals.came() == 1
    signals.pass_on()
    assert signals.came() == 2
