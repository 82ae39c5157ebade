"""The shift: the RQ job in which a worker empties mailboxes until none is ready or its time is up.

1. It claims mail: mailboxes that nobody holds, with their first entries. If more is ready, it has
   the next shift enqueued, so that a burst wakes one worker after the other. With no mail left, it
   rests for a second, and is rung for when some comes: that is quicker than another start.
2. It runs handlers, mailbox after mailbox: sync ones here, in the main thread; lanes that come to
   an async one go to the event loop and return.
3. About every quarter of a second it settles: outcomes are written, mailboxes given back, and the
   next mail is claimed, all in one call. How much it claims follows from what an entry costs.
4. If a handler keeps the main thread for a second, the keeper, a second thread, settles for it and
   gives back the mail that was not begun, so that an idle worker can take it.
5. If the lease was taken away, others have the mail: everything in hand is dropped.
6. If a handler cannot be interrupted after its timeout, the process ends. So it does when anything
   is wrong with the shift itself: the pool sees it and frees the mail within a second.
7. Asked to stop, it lets every entry under way be the last of its device. What is not through in
   time is interrupted and given back in front of the others: the next worker goes on with it, from
   its first unfinished handler, and no death is counted.
8. If it lacks the key to an event, the worker ends in the same way, and its pool with it. The event
   stays where it is, with all that came after it: it takes another setting, not another attempt.
"""

import math
import os
import time
from queue import Empty, SimpleQueue

from bellhop.failpoints import failpoint
from bellhop.ledger import Outcome
from bellhop.logs import get_logger
from bellhop.vault import Sealed
from bellhop_workers.keeper import Keeper
from bellhop_workers.lanes import Lane
from bellhop_workers.running import Run, give_up, run_sync
from bellhop_workers.runtime import BATCH, MOST_ENTRIES, Runtime
from bellhop_workers.settling import NONE, SETTLE_EVERY, Hand, LeaseLost

_LOOK_FOR_MAIL_EVERY = 0.1

_log = get_logger("workers")
_runtime: Runtime | None = None


def prepare(runtime: Runtime) -> None:
    """Tell this process what its shifts work with."""
    global _runtime  # RQ calls `work` by its name, with nothing but JSON
    _runtime = runtime


def work() -> None:
    """Do a shift. This is the one function that RQ's jobs name.

    Ends the process with `os.EX_SOFTWARE` if the shift failed, and with `os.EX_CONFIG`, which ends
    the pool, if the worker lacks the key to an event.
    """
    if _runtime is None:
        raise RuntimeError("a shift needs a Bellhop worker: start one with `bellhop worker`")
    if _runtime.stopping:
        return
    shift = Shift(_runtime)
    try:
        shift.run()
    except BaseException:  # RQ would go on with the next, and the mail of this one lie
        try:
            _log.exception("a shift failed; ending the worker, so that others get its mail at once")
        finally:  # whatever else fails: memory may be all used up
            os._exit(os.EX_SOFTWARE)
    if shift.sealed:
        try:
            _log.critical(
                "no key to an event; ending the worker, its mail was given back",
                error=str(shift.sealed),
            )
        finally:
            os._exit(os.EX_CONFIG)


class Shift:
    """One shift of one worker.

    patience: seconds after the time to stop that a handler which no interrupt reaches has its
    worker ended, its mail given back.
    """

    def __init__(self, runtime: Runtime, *, patience: float = 0.5) -> None:
        self._runtime = runtime
        self._patience = patience
        self._hand = Hand(runtime)
        self._ends = time.monotonic() + runtime.slice
        self._returned: SimpleQueue[Lane] = SimpleQueue()
        self._away: dict[Lane, tuple[float, int]] = {}
        """Lanes that the event loop has: since when, and what was done before."""
        self._running: tuple[Run, float] | None = None
        self.sealed: Sealed | None = None
        """Why this worker must not go on after the shift: it lacks the key to an event."""

    def run(self) -> None:
        """Work until nothing is ready, the time is up, or the worker is asked to stop."""
        self._runtime.surroundings.restore()
        self._hand.claim(self._runtime.appetite(0))
        if not self._hand and not self._rest():
            return
        keeper = Keeper(self._runtime, self._hand, self._under_way, self._patience)
        self._runtime.deadlines.start(keeper.thread)
        try:
            self._empty_mailboxes()
            while self._rest():
                self._empty_mailboxes()
        except LeaseLost as error:
            _log.error("lost the lease of a shift", error=str(error))
        except BaseException:
            self._runtime.loop.cancel_all()
            raise
        finally:
            keeper.stop()

    def _empty_mailboxes(self) -> None:
        self._look_ahead()
        while self._hand:
            self._run_lanes()
            if self._runtime.out_of_time:
                self._give_up()
            elif self._hand.todo or not self._look_ahead():
                self._settle()
                self._look_ahead()
        # A lane that is through may be settled a moment before the event loop returns it.
        self._runtime.surroundings.restore()

    def _rest(self) -> bool:
        """Wait a moment for more mail, and return whether there is some in hand."""
        ends = min(self._ends, time.monotonic() + self._runtime.rest)
        return time.monotonic() < ends and self._hand.rest(ends)

    def _run_lanes(self) -> None:
        """Run what is in hand for about a batch's time, or wait for what is away."""
        began, entries = time.monotonic(), 0
        worked = False
        while time.monotonic() - began < BATCH and not self._over_at_once:
            entries += self._welcome_returned(wait=0.0)
            lane = self._next_lane()
            if lane is None:
                if not worked and self._away:
                    # With room for more mail, look for it often: no other shift may be free.
                    full = len(self._away) >= self._runtime.concurrency
                    self._welcome_returned(wait=BATCH if full else _LOOK_FOR_MAIL_EVERY)
                    return
                break
            worked = True
            entries += self._run_lane(lane)
        self._runtime.surroundings.restore()
        if entries:
            self._runtime.learn_cost(time.monotonic() - began, entries)

    @property
    def _over_at_once(self) -> bool:
        return self._hand.dropped or self._runtime.out_of_time

    def _next_lane(self) -> Lane | None:
        """Return a lane that may go on, if there is one."""
        todo = self._hand.todo
        for _ in range(len(todo)):
            try:
                lane = todo.popleft()
            except IndexError:  # the keeper gave it back
                return None
            written = not (lane.careful and self._hand.has_unwritten)
            if written and (lane.begun or not self._runtime.stopping):
                return lane
            todo.append(lane)  # first it is settled, or given back
        return None

    def _run_lane(self, lane: Lane) -> int:
        """Run a lane's sync handlers, until it is through or comes to an async one.

        Returns how many entries were finished.
        """
        before = lane.entries_done
        if not lane.begun:
            lane.begin()
            self._heed(lane)
        while (run := lane.next) and not self._runtime.out_of_time:
            if run.handler.is_async and not run.doomed:
                self._away[lane] = (time.monotonic(), lane.entries_done)
                self._runtime.loop.submit(lane, self._returned)
                break
            if lane.careful:
                failpoint("careful.before")
            outcome = give_up(run) if run.doomed else self._run(run)
            if self._hand.dropped or outcome is None:
                break
            if self._runtime.stopping:
                lane.stop()
            lane.took(outcome)
            self._heed(lane)
            if lane.careful:
                failpoint("careful.after")
            if lane.careful and lane.next:
                self._hand.todo.appendleft(lane)
                break
        return lane.entries_done - before

    def _heed(self, lane: Lane) -> None:
        """Have this worker begin nothing more if the lane came to what it has no key for."""
        if lane.sealed:
            self.sealed = lane.sealed
            self._runtime.stopping = True

    def _run(self, run: Run) -> Outcome | None:
        deadlines, began = self._runtime.deadlines, time.monotonic()
        self._running = (run, began)
        deadlines.set_main(run.deadline(began))
        try:
            return run_sync(run, lambda: deadlines.stop, self._runtime.surroundings)
        finally:
            deadlines.set_main(math.inf)
            self._running = None
            self._runtime.wear.count()

    def _welcome_returned(self, wait: float) -> int:
        """Take back lanes from the event loop; wait up to `wait` seconds for the first.

        Returns how many entries were finished there.
        """
        entries = 0
        while self._away:
            try:
                lane = self._returned.get(timeout=wait) if wait else self._returned.get_nowait()
            except Empty:
                break
            self._runtime.surroundings.restore()  # no handler is in this thread now
            wait = 0.0
            since, before = self._away.pop(lane)
            self._runtime.learn_wait(time.monotonic() - since, lane.entries_done - before)
            entries += lane.entries_done - before
            if lane.error and not self._over_at_once:
                raise lane.error
            self._heed(lane)
            if not lane.through:
                self._hand.todo.append(lane)
        return entries

    def _look_ahead(self) -> bool:
        """Settle and claim while the next mail is run, and say whether there is any.

        Only for handlers so quick that Redis would be what is waited for, and while nothing keeps
        the shift from going on. The next mail was asked for before the present one was run.
        """
        appetite = self._runtime.appetite(len(self._away))
        ahead = bool(
            appetite.entries == MOST_ENTRIES
            and self._hand
            and self._hand.last_claim > MOST_ENTRIES // 2  # so there may be more
            and not (self._runtime.has_async or self._runtime.stopping)
            and not (self._hand.is_careful or self._hand.careful_waits)
            and time.monotonic() < self._ends
        )
        if ahead:
            self._hand.send(appetite)
        else:
            self._hand.receive()
        return ahead and bool(self._hand.todo)

    def _settle(self) -> None:
        stopping = self._runtime.stopping
        # With async handlers under way it goes on, lest they keep others from being begun; unless
        # there is mail that only a shift with empty hands may take.
        goes_on = self._away and not self._hand.careful_waits
        over = stopping or (time.monotonic() > self._ends and not goes_on)
        if stopping:
            self._hand.stop()
        late = time.monotonic() - self._hand.claimed_at > SETTLE_EVERY
        more = NONE if over or self._hand.todo else self._runtime.appetite(len(self._away))
        self._hand.settle(give_back=over or late, appetite=more)

    def _give_up(self) -> None:
        """Interrupt what runs, and give everything back."""
        _log.warning("there is no more time to stop; what is not through is given back")
        self._runtime.loop.cancel_all()
        while self._away:
            self._welcome_returned(wait=BATCH)
        self._hand.give_up()

    def _under_way(self) -> list[tuple[Run, float]]:
        """Return what runs, and since when."""
        under_way = self._runtime.loop.under_way()
        if running := self._running:
            under_way.append(running)
        return under_way
