"""The shift: the RQ job in which a worker empties mailboxes until none is ready or its time is up.

1. It claims mail of the handlers that the worker has: mailboxes that nobody holds, with their first
   entries. If more is ready, the next worker is called: so a burst wakes one after the other. With
   no mail left it is idle for a second, and is woken when some comes: that is quicker than another
   start.
2. An entry that was claimed is run, its outcome is recorded and settled. Sync handlers run here, in
   the main thread, one after the other; async ones on the event loop, many at a time.
3. About every quarter of a second, or tenth while async handlers run, it settles: outcomes are
   written, mailboxes given back, and the next mail is claimed, all in one call. How much it claims
   follows from what each handler takes. With much mail, Redis does this while the worker runs what
   it claimed before.
4. If a handler keeps the main thread for a second, the keeper, a second thread, settles for it and
   gives back the mail that was not begun, so that an idle worker can take it. So is the mail of
   async handlers given back, if one of them blocks the event loop.
5. If the lease was taken away, others have the mail: everything in hand is dropped, and the worker
   is replaced.
6. If a handler cannot be interrupted after its timeout, the process ends. So it does when anything
   is wrong with the shift itself: the pool sees it and frees the mail within a second.
7. Asked to stop, it lets every entry under way be the last of its mailbox. What is not through in
   time is interrupted and given back in front of the others, and no death is counted.
8. If the process is out of memory, files or threads, no handler is blamed: the worker gives its
   mail back and ends, and another takes its place after waits that grow.
9. If it lacks the key to an event, the worker ends in the same way, and its pool with it. The event
   stays where it is, with all that came after it: it takes another setting, not another attempt.
"""

import math
import os
import time

from bellhop.errors import NameTaken, WrongVersion
from bellhop.ledger import Outcome
from bellhop.logs import get_logger
from bellhop.vault import Sealed
from bellhop_workers.batch import LONGEST_UNSETTLED, NOTHING, SETTLE_PERIOD, Batch, LeaseLost
from bellhop_workers.keeper import Keeper
from bellhop_workers.mailbox import ClaimedMailbox
from bellhop_workers.run_times import BATCH, MOST_ENTRIES
from bellhop_workers.running import Run, run_sync
from bellhop_workers.runtime import Runtime

_LOOK_FOR_MAIL_EVERY = 0.02
"""Seconds after which it asks whether there is more mail, while async handlers run."""

_log = get_logger("workers")
_runtime: Runtime | None = None


def prepare(runtime: Runtime) -> None:
    """Tell this process what its shifts work with."""
    global _runtime  # RQ calls `work` by its name, with nothing but JSON
    _runtime = runtime


def work() -> None:
    """Do a shift. This is the one function that RQ's jobs name.

    Ends the process with `os.EX_SOFTWARE` if the shift failed, and with `os.EX_CONFIG`, which ends
    the pool, if the worker lacks the key to an event, the ledger is of another version, or a name
    means something else to workers that came while this one was silent.
    """
    if _runtime is None:
        raise RuntimeError("a shift needs a Bellhop worker: start one with `bellhop worker`")
    if _runtime.stopping:
        return
    shift = Shift(_runtime)
    try:
        shift.run()
    except (WrongVersion, NameTaken) as error:
        try:
            _log.critical("ending the worker", error=str(error))
        finally:
            os._exit(os.EX_CONFIG)
    except BaseException:  # RQ would go on with the next, and the mail of this one lie
        try:
            _log.exception("a shift failed; ending the worker, so that others get its mail at once")
        finally:  # whatever else fails: memory may be all used up
            os._exit(os.EX_SOFTWARE)
    if shift.fault:
        _runtime.running_notes.leave()
        try:
            _log.critical(f"a worker's process is replaced: {shift.fault}")
        finally:
            os._exit(os.EX_SOFTWARE)
    if shift.sealed:
        _runtime.running_notes.leave()
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
        self._batch = Batch(runtime)
        self._ends = time.monotonic() + runtime.slice
        self._running: tuple[Run, float] | None = None
        self.fault = ""
        """Why this process is to be replaced after the shift, if it is.

        It lacks something, or others have its mail. When its pool sees that it is gone, the ledger
        knows that it holds nothing.
        """
        self.sealed: Sealed | None = None
        """Why this worker must not go on after the shift: it lacks the key to an event."""

    def run(self) -> None:
        """Work until nothing is ready, the time is up, or the worker is asked to stop."""
        try:
            self._work()
        finally:
            self._runtime.deadlines.shift_is_over()

    def _work(self) -> None:
        self._runtime.deadlines.shift_goes_on()
        self._runtime.surroundings.restore()
        if any(one.is_async for one in self._runtime.registry):
            self._runtime.loop.start()  # the keeper, which may be given async mail, must not
        self._batch.claim(self._batch.limits())
        if not self._batch and not self._idle():
            return
        keeper = Keeper(
            self._runtime, self._batch, self._under_way, lambda: self._running, self._patience
        )
        self._runtime.deadlines.start(keeper.thread)
        try:
            self._empty_mailboxes()
            while self._idle():
                self._empty_mailboxes()
        except LeaseLost as error:
            self.fault = str(error)
        except BaseException:
            self._runtime.loop.cancel_all()
            raise
        finally:
            keeper.stop()

    def _empty_mailboxes(self) -> None:
        while self._batch:
            self._runtime.deadlines.shift_goes_on()
            ahead = self._claims_ahead() and self._batch.send()
            if not ahead:
                self._batch.receive()
            self._run_mailboxes()
            if self._runtime.out_of_time:
                self._give_up()
            elif not ahead:
                self._settle()
        self._runtime.surroundings.restore()

    def _idle(self) -> bool:
        """Wait a moment for more mail, and return whether there is some in hand."""
        self._runtime.deadlines.shift_goes_on()
        ends = min(self._ends, time.monotonic() + self._runtime.idle)
        return time.monotonic() < ends and self._batch.idle(ends)

    def _run_mailboxes(self) -> None:
        """Run sync handlers for about a batch's time; without any, wait for async ones."""
        began = time.monotonic()
        ran = False
        while time.monotonic() - began < BATCH and not self._over_at_once:
            mailbox = self._next_mailbox()
            if mailbox is None:
                break
            self._run_mailbox(mailbox)
            ran = True
        if not ran and self._runtime.loop.is_busy and not self._over_at_once:
            self._wait_for_async()
        self._runtime.surroundings.restore()
        if fault := self._runtime.loop.fault:
            self._stop_at_fault(fault)
        while self._runtime.loop.failed:
            failed = self._runtime.loop.failed.popleft()
            self._stop_if_undecryptable(failed)
            if failed.error and not self._over_at_once:
                raise failed.error

    def _wait_for_async(self) -> None:
        """Wait until few entries are left on the event loop, there is more mail, or for a while."""
        if self._batch.awaits_answer and self._runtime.loop.has_few:
            return
        ends = time.monotonic() + SETTLE_PERIOD
        while not self._runtime.loop.wait(_LOOK_FOR_MAIL_EVERY):
            if time.monotonic() > ends or self._over_at_once or self._batch.sees_mail():
                return

    @property
    def _over_at_once(self) -> bool:
        return self._batch.dropped or self._runtime.out_of_time

    def _next_mailbox(self) -> ClaimedMailbox | None:
        """Return a mailbox whose handler is sync, if one waits and may begin."""
        if self._runtime.stopping:
            return None
        try:
            return self._batch.line.popleft()
        except IndexError:
            return None

    def _run_mailbox(self, mailbox: ClaimedMailbox) -> None:
        """Run the entries of a mailbox, one after the other, for about a batch's time.

        If its handler turned out to be slower than when they were claimed, the rest goes back.
        """
        began = time.monotonic()
        while (run := mailbox.next_run()) and not self._runtime.out_of_time:
            outcome = self._run(run)
            if self._batch.dropped or outcome is None:
                break
            if run.fault:
                self._stop_at_fault(run.fault)
            if self._runtime.stopping or time.monotonic() - began > 2 * BATCH:
                mailbox.stop()
            mailbox.record_outcome(run, outcome)
        self._stop_if_undecryptable(mailbox)
        if mailbox.entries_done:
            took = time.monotonic() - began
            self._runtime.run_times.learn(mailbox.handler, took, mailbox.entries_done)

    def _stop_if_undecryptable(self, mailbox: ClaimedMailbox) -> None:
        """Have this worker begin nothing more if it lacks the key to an event."""
        if mailbox.sealed:
            self.sealed = mailbox.sealed
            self._runtime.stopping = True

    def _stop_at_fault(self, fault: str) -> None:
        """Have this worker begin nothing more: its process lacks something."""
        self.fault = fault
        self._runtime.stopping = True

    def _run(self, run: Run) -> Outcome | None:
        runtime, began = self._runtime, time.monotonic()
        deadlines, note = runtime.deadlines, runtime.running_notes.main
        self._running = (run, began)
        deadlines.set_main(run.deadline(began))
        note.write(run.entry)
        try:
            return run_sync(run, deadlines, runtime.surroundings)
        finally:
            note.clear()
            deadlines.shift_goes_on()
            deadlines.set_main(math.inf)
            self._running = None
            runtime.usage.count()

    def _claims_ahead(self) -> bool:
        """Say whether Redis is to settle and claim while what is in hand is run.

        Only if the last claim was large, so that there may be more than this worker gets through:
        what it claims ahead, nobody else can run. (It also means that the worker's hands are not
        empty, so that no suspect comes of it.)
        """
        batch = self._batch
        return (
            batch.last_claim > MOST_ENTRIES // 4
            and not (batch.is_alone or batch.suspects_wait or self._runtime.stopping)
            and time.monotonic() < self._ends
        )

    def _settle(self) -> None:
        stopping = self._runtime.stopping
        busy = self._runtime.loop.is_busy
        # With async handlers under way it goes on, lest they keep others from being begun; unless
        # there is mail that only a worker with empty hands may take.
        goes_on = busy and not self._batch.suspects_wait
        over = (
            stopping or self._batch.suspects_wait or (time.monotonic() > self._ends and not goes_on)
        )
        if stopping:
            self._batch.stop()
        late = time.monotonic() - self._batch.claimed_at > LONGEST_UNSETTLED
        limits = NOTHING if over else self._batch.limits(with_sync=not self._batch.line)
        self._batch.settle(limits, give_back=over or late)

    def _give_up(self) -> None:
        """Interrupt what runs, and give everything back."""
        _log.warning("there is no more time to stop; what is not through is given back")
        self._runtime.loop.cancel_all()
        while self._runtime.loop.is_busy:
            self._runtime.loop.wait(BATCH)
        self._batch.give_up()

    def _under_way(self) -> list[tuple[Run, float]]:
        """Return what runs, and since when."""
        under_way = self._runtime.loop.under_way()
        if running := self._running:
            under_way.append(running)
        return under_way
