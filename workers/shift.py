"""The shift: the RQ job in which a worker empties mailboxes until none is ready or its time is up.

1. It claims mail: mailboxes that nobody holds, with their first entries. If more is ready, it has
the
   next shift enqueued, so that a burst wakes one worker after the other.
2. It runs handlers, mailbox after mailbox: sync ones here, in the main thread; lanes that come to
an
   async one go to the event loop and return.
3. About every quarter of a second it settles: outcomes are written, mailboxes given back, and the
next
   mail is claimed, all in one call. How much it claims follows from what an entry was seen to cost.
4. If a handler keeps the main thread for a second, a second thread settles for it and gives back
the
   mail that was not begun, so that an idle worker can take it.
5. If the lease was taken away, others have the mail: everything in hand is dropped at once.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from queue import Empty, SimpleQueue

import structlog
from redis.exceptions import RedisError

from bellhop.connections import is_outage
from bellhop.ledger import Ledger, Mail, Settled, SettledMail
from bellhop.queue import enqueue_shift
from bellhop.routing import Registry
from workers.lanes import Lane
from workers.loop import HandlerLoop
from workers.running import give_up, run_sync

BATCH = 0.25
"""Seconds of work that a shift claims at a time."""

SETTLE_EVERY = 1.0
"""Seconds after which results are settled at the latest."""

MOST_ENTRIES = 500
LEASE_BEYOND_TIMEOUT = 15.0
"""Seconds that a lease outlasts the longest timeout of a handler."""

_log = structlog.get_logger("workers")


class LeaseLost(Exception):
    """Somebody else holds the mail of this shift."""


class Runtime:
    """What a worker process keeps from shift to shift."""

    def __init__(
        self, ledger: Ledger, registry: Registry, *, worker: str, concurrency: int, slice: float
    ) -> None:
        self.ledger = ledger
        self.registry = registry
        self.worker = worker
        self.concurrency = concurrency
        self.slice = slice
        self.loop = HandlerLoop()
        self.stopping = False
        self.entry_cost = BATCH / 25
        """Seconds of the main thread that an entry costs, as measured."""
        self._shifts = 0

    @property
    def lease(self) -> timedelta:
        """How long a shift may hold its mail: longer than anything it runs before it settles."""
        longest = max((handler.timeout for handler in self.registry), default=0.0)
        return timedelta(seconds=longest + LEASE_BEYOND_TIMEOUT)

    def next_shift_name(self) -> str:
        """Return `worker/number`; the foreman frees all shifts of a dead worker by it."""
        self._shifts += 1
        return f"{self.worker}/{self._shifts}"


_runtime: Runtime | None = None


def prepare(runtime: Runtime) -> None:
    """Tell this process what its shifts work with."""
    global _runtime  # RQ calls `work` by its name, with nothing but JSON
    _runtime = runtime


def work() -> None:
    """Do a shift. This is the one function that RQ's jobs name."""
    if _runtime is None:
        raise RuntimeError("a shift needs a Bellhop worker: start one with `bellhop worker`")
    if not _runtime.stopping:
        Shift(_runtime).run()


class Shift:
    """One shift of one worker."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._ledger = runtime.ledger
        self._name = runtime.next_shift_name()
        self._ends = time.monotonic() + runtime.slice
        self._lanes: dict[str, Lane] = {}
        self._todo: deque[Lane] = deque()
        self._returned: SimpleQueue[Lane] = SimpleQueue()
        self._away = 0
        self._entries_done = 0
        self._settling = threading.Lock()
        self._settles = 0
        self._settled_at = self._claimed_at = time.monotonic()
        self._lost = False
        self._over = threading.Event()

    def run(self) -> None:
        """Work until nothing is ready, the time is up, or the worker is asked to stop."""
        mailboxes, entries = self._appetite()
        claimed = self._ledger.claim(
            self._name, lease=self._runtime.lease, mailboxes=mailboxes, entries=entries
        )
        self._take(claimed.mail)
        if claimed.wants_shift:
            self._enqueue_shift()
        if not self._lanes:
            return
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        try:
            while self._lanes:
                self._run_lanes()
                self._settle_and_claim()
        except LeaseLost:
            _log.error("lost the lease of a shift; others have its mail", shift=self._name)
            self._runtime.loop.cancel_all()
        finally:
            self._over.set()
            keeper.join()

    # Running

    def _run_lanes(self) -> None:
        """Run what is in hand for about a batch's time, or wait for what is away."""
        began = time.monotonic()
        done_before = self._entries_done
        worked = False
        while time.monotonic() - began < BATCH and not (self._lost or self._runtime.stopping):
            self._welcome_returned(wait=0.0)
            try:
                lane = self._todo.popleft()
            except IndexError:
                if worked or not self._away:
                    break
                # With room for more mail, look for it often: no shift may be free to take it.
                full = self._away >= self._runtime.concurrency
                self._welcome_returned(wait=BATCH if full else BATCH / 5)
                return
            worked = True
            if lane.careful and lane.has_results:
                self._todo.appendleft(lane)
                break
            self._run_lane(lane)
        if worked:
            cost = (time.monotonic() - began) / max(self._entries_done - done_before, 1)
            self._runtime.entry_cost = (self._runtime.entry_cost + cost) / 2

    def _run_lane(self, lane: Lane) -> None:
        """Run a lane's sync handlers, until it is through or comes to an async one."""
        before = lane.entries_done
        if not lane.begun:
            lane.begin()
        while run := lane.next:
            if run.handler.is_async and not run.doomed:
                self._away += 1
                self._runtime.loop.submit(lane, self._returned)
                break
            outcome = give_up(run) if run.doomed else run_sync(run)
            if self._lost:
                break
            if self._runtime.stopping:
                lane.stop()
            lane.took(outcome)
            if lane.careful and lane.next:
                self._todo.appendleft(lane)
                break
        self._entries_done += lane.entries_done - before

    def _welcome_returned(self, wait: float) -> None:
        """Take back lanes from the event loop; wait up to `wait` seconds for the first."""
        while self._away:
            try:
                lane = self._returned.get(timeout=wait) if wait else self._returned.get_nowait()
            except Empty:
                return
            wait = 0.0
            self._away -= 1
            if lane.error:
                raise lane.error
            if not lane.through:
                self._todo.append(lane)

    # Settling

    def _settle_and_claim(self) -> None:
        now = time.monotonic()
        over = now > self._ends or self._runtime.stopping
        if over:
            for lane in self._lanes.values():
                lane.stop()
        give_back = over or now - self._claimed_at > SETTLE_EVERY
        mailboxes, entries = (0, 0) if over or self._todo else self._appetite()
        self._settle(give_back=give_back, mailboxes=mailboxes, entries=entries)

    def _keep(self) -> None:
        """Settle while a handler keeps the main thread."""
        while not self._over.wait(SETTLE_EVERY / 4):
            if time.monotonic() - self._settled_at > SETTLE_EVERY:
                try:
                    self._settle(give_back=True, mailboxes=0, entries=0)
                except LeaseLost:
                    return  # the main thread sees it, too
                except Exception:
                    _log.exception("cannot settle beside a handler", shift=self._name)

    def _settle(self, *, give_back: bool, mailboxes: int, entries: int) -> None:
        with self._settling:
            if self._lost:
                raise LeaseLost
            results = self._results(give_back)
            if not results and not mailboxes and time.monotonic() - self._settled_at < SETTLE_EVERY:
                return
            self._settles += 1
            settled = self._write(results, mailboxes, entries)
            self._settled_at = time.monotonic()
            if not settled.ours:
                self._lost = True
                raise LeaseLost
            for result in results:
                if result.give_back != "keep":
                    del self._lanes[result.mailbox]
            self._take(settled.mail)
        if settled.wants_shift:
            self._enqueue_shift()

    def _results(self, give_back: bool) -> list[SettledMail]:
        results = [
            result
            for lane in list(self._lanes.values())
            if lane.begun and (result := lane.collect())
        ]
        unbegun = []
        while give_back and self._todo:
            try:
                lane = self._todo.pop()
            except IndexError:
                break
            if lane.begun:
                unbegun.append(lane)
            else:
                results.append(lane.give_back())
        self._todo.extend(reversed(unbegun))
        return results

    def _write(self, results: Sequence[SettledMail], mailboxes: int, entries: int) -> Settled:
        """Settle, however long Redis is away: what was done must not be done again."""
        outage = 0.0
        while True:
            try:
                settled = self._ledger.settle(
                    self._name,
                    self._settles,
                    results,
                    lease=self._runtime.lease,
                    mailboxes=mailboxes,
                    entries=entries,
                )
            except RedisError as error:
                if not is_outage(error):
                    raise
                if not outage:
                    _log.error("Redis is away; waiting to write what was done", error=str(error))
                outage = min(max(0.1, outage * 2), 2.0)
                time.sleep(outage)
            else:
                if outage:
                    _log.warning("Redis is back")
                return settled

    def _take(self, mail: Sequence[Mail]) -> None:
        for one in mail:
            if one.mailbox not in self._lanes:
                lane = Lane(one, self._runtime.registry)
                self._lanes[one.mailbox] = lane
                self._todo.append(lane)
        if mail:
            self._claimed_at = time.monotonic()

    def _appetite(self) -> tuple[int, int]:
        """Return how many mailboxes and about how many entries to claim."""
        entries = max(1, min(MOST_ENTRIES, int(BATCH / max(self._runtime.entry_cost, 1e-6))))
        if any(handler.is_async for handler in self._runtime.registry):
            return max(0, self._runtime.concurrency - self._away), max(
                entries, self._runtime.concurrency
            )
        return entries, entries

    def _enqueue_shift(self) -> None:
        try:
            enqueue_shift(self._ledger.redis)
        except RedisError as error:
            # The foreman sees mail and an empty queue, and asks for one.
            _log.warning("could not enqueue the next shift", error=str(error))
