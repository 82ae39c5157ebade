"""What the foreman does, in the ledger's model."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from bellhop.durations import LEASE, WORKER_GONE_AFTER
from bellhop.ledger import FIRST_SWEEP, Freed, Swept
from bellhop.ledger.calls import milliseconds
from tests.bellhop.ledger.settling import GONE_AFTER_MS, Settling
from tests.bellhop.ledger.values import Box, names_of

RETRIES_A_SWEEP = 500
LEASE_MS = milliseconds(LEASE)
TO_START_AGAIN = timedelta(minutes=10)
A_SHIFT_IS_LATE_AFTER = 2_000
"""Milliseconds after which a shift that was asked for but is in no queue is asked for again."""

K = TypeVar("K")


class Sweeping(Settling):
    """`sweep` and `free`. Left out: what is cut to the retention."""

    def sweep(
        self,
        *,
        queues: str,
        alive: Sequence[str] = (),
        dead: Mapping[str, str | None],
        forget_after: timedelta,
        jumped_ms: int = 0,
        jumps: int = 0,
        now_ms: int,
    ) -> Swept:
        """Bring due retries back, speak for workers that live, and free what dead ones held."""
        now = now_ms
        self._make_up_for_jump(now, jumped_ms, jumps)
        self._make_up_for_absence(now, forget_after)
        self._renew(alive, now)
        retries = self._bring_back_due(now)

        silent = [
            worker
            for worker, spoken in self.alive.items()
            if spoken <= now - milliseconds(WORKER_GONE_AFTER)
        ]
        freed = [worker for worker, under in dead.items() if self._free(worker, under)]
        ended = [worker for worker in _by_time(self.leases) if self.leases[worker] <= now]
        freed += [worker for worker in ended if self._free(worker, "")]
        dropped = self._unsubscribe([*silent, *dead], now)

        self.swept = now
        self._route_waiting()
        self._tell_of_waiting(now)
        abandoned, more = self._abandon_forgotten(forget_after, now)
        return Swept(
            self._sets_with_late_mail(now),
            retries,
            tuple(freed),
            dropped,
            tuple(abandoned),
            more or retries == RETRIES_A_SWEEP,
            now,
            self.jumps,
        )

    def free(self, waited: timedelta, *, now_ms: int) -> Freed:
        """Free the mail of workers that are gone, for who waits for it and is no foreman."""
        freed: list[str] = []
        if waited >= LEASE and abs(now_ms - (self.swept or 0)) > GONE_AFTER_MS:
            ends = self.leases
            ended = [worker for worker in _by_time(ends) if ends[worker] <= now_ms]
            ended += [worker for worker in _by_time(ends) if ends[worker] > now_ms + LEASE_MS]
            freed = [worker for worker in ended if self._free(worker, "")]
        return Freed(self._sets_to_wake(now_ms), tuple(freed))

    def _make_up_for_jump(self, now: int, jumped: int, jumps: int) -> None:
        """Put what was due before off by as much as the clock jumped, unless somebody did."""
        swept = now if self.swept is None else self.swept
        if jumps == FIRST_SWEEP:
            jumped, jumps = now - swept if swept - now > GONE_AFTER_MS else 0, self.jumps
        since, self.due_since = self.due_since, set()
        if not jumped or jumps != self.jumps:
            return
        self._renew_all_leases(now)
        for entry in self.due.keys() - since:
            self.due[entry] += jumped
        for one in self.subscriptions.values():
            one.seen += jumped
        self.jumps += 1
        self.swept = now

    def _make_up_for_absence(self, now: int, forget_after: timedelta) -> None:
        """If nobody swept, nobody could speak for a worker: let each come back, or be replaced.

        In the future nobody was spoken for: the clock was set back.
        """
        if self.swept is not None and now - self.swept > GONE_AFTER_MS:
            self._renew_all_leases(now)
            grace = forget_after - min(forget_after, TO_START_AGAIN)
            for one in self.subscriptions.values():
                one.seen = max(one.seen, now - round(grace.total_seconds() * 1000))
        for worker, ends in self.leases.items():
            self.leases[worker] = min(ends, now + LEASE_MS)
        for worker, spoken in self.alive.items():
            self.alive[worker] = min(spoken, now)

    def _renew_all_leases(self, now: int) -> None:
        self.leases = dict.fromkeys(self.leases, now + LEASE_MS)
        self.alive = dict.fromkeys(self.alive, now)

    def _renew(self, workers: Sequence[str], now: int) -> None:
        for worker in workers:
            if worker not in self.workers:
                continue
            self.alive[worker] = now
            if worker in self.leases:
                self.leases[worker] = now + LEASE_MS
            for name in names_of(self.sets[self.workers[worker]]):
                self.subscriptions[name].seen = now

    def _bring_back_due(self, now: int) -> int:
        by_time = sorted(
            self.due.items(), key=lambda item: (item[1], f"{item[0][0]} {item[0][1]}".encode())
        )
        due = [entry for entry, time in by_time if time <= now][:RETRIES_A_SWEEP]
        for event_id, box in due:
            del self.due[event_id, box]
            if event_id:
                self._post(box, event_id)
            else:
                self.ready[box.handler].append(box.mailbox)
        return len(due)

    def _free(self, worker: str, culprit: str | None) -> bool:
        """Give back in front what a worker held, and blame an entry for its end, if any is known.

        `culprit`: the entry under which it died, `event_id handler`, "" if nobody knows, or `None`
        if none is to blame. A suspect that ran alone is known.
        """
        alone = self._is_alone(worker)
        held = self.held.pop(worker, {})
        self.leases.pop(worker, None)
        self.last_settle.pop(worker, None)
        for box, entries in held.items():
            in_hand = self.mail[box][:entries]
            if alone and culprit == "":
                culprit = f"{in_hand[0]} {box.handler}"
            suspect = self._blame(box, in_hand, culprit)
            line = self.suspects if suspect else self.ready
            line[box.handler].insert(0, box.mailbox)
            self.working[box.handler].discard(box.mailbox)
        return bool(held)

    def _blame(self, box: Box, in_hand: Sequence[str], culprit: str | None) -> bool:
        """Count what is known of a worker's end, and say whether the box is to be run alone."""
        handler = box.handler
        for event_id in in_hand:
            if f"{event_id} {handler}" == culprit:
                deaths = self.events[event_id].deaths
                deaths[handler] = deaths.get(handler, 0) + 1
                return True
        if not in_hand:
            return False
        first = self.events[in_hand[0]]
        if culprit == "":
            first.interrupted[handler] = first.interrupted.get(handler, 0) + 1
        return self._is_suspect(first, handler)

    def _sets_with_late_mail(self, now: int) -> tuple[str, ...]:
        wanted = []
        for fingerprint in self.sets:
            if not self._has_mail(fingerprint):
                continue
            since = self.waiting.get(fingerprint)
            if fingerprint in self.queued:
                self.waiting[fingerprint] = now
                self._wake(fingerprint, now)
            # A clock that was set back must not make it wait for an hour.
            elif since is None or abs(now - since) >= A_SHIFT_IS_LATE_AFTER:
                self.waiting.pop(fingerprint, None)
                if not self._wake(fingerprint, now):
                    self.waiting[fingerprint] = now
                    wanted.append(fingerprint)
        return tuple(sorted(wanted))


def _by_time(times: Mapping[str, int]) -> list[str]:
    return sorted(times, key=lambda name: (times[name], name.encode()))
