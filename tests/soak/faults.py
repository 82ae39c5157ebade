"""What goes wrong in a soak: by chance, from a seed, and written down for the checker.

The kinds are dealt from a deck that is shuffled again when it is used up, so that a run of a minute
meets nearly all of them. A fault whose target is down already is passed over.
"""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from random import Random

import psutil

from bellhop.embedded import EmbeddedRedisFailed
from bellhop.ledger import DeadLetters, Ledger
from bellhop.queue import enqueue_shifts
from tests.soak.fates import fate
from tests.soak.history import Away, Killed, Resumed
from tests.soak.stage import Part, Stage, signalled

DECK = {
    "kill a worker": 8,
    "pause a worker": 4,
    "stop a worker": 2,
    "pause a worker beyond its lease": 1,
    "kill a receiver": 3,
    "pause a receiver": 2,
    "stop a receiver": 2,
    "kill a pool": 2,
    "pause a pool": 2,
    "stop a pool": 2,
    "kill a pool and its workers": 1,
    "kill redis": 2,
    "pause redis": 2,
    "stop redis": 1,
    "retry dead letters": 3,
}
"""The kinds of faults, with how many there are of each in a deck."""

EVERY = 2.5
"""Seconds from one fault to the next, on average."""

_RETENTION = timedelta(days=14)
"""The receivers' and workers', which is the default."""

_LETTERS = 20
"""Dead letters that are tried again at a time: more would soon be most of the load."""


class Faults:
    """Breaks the stage, a little at a time: call `step` often. `longest`: seconds of a lease."""

    def __init__(self, stage: Stage, seed: int, lease: float) -> None:
        self.done: Counter[str] = Counter()
        self.killed: list[Killed] = []
        self.away: list[Away] = []
        self.resumed: list[Resumed] = []
        self._stage = stage
        self._lease = lease
        self._chance = Random(f"faults {seed}")
        self._deck: list[str] = []
        self._next = time.monotonic() + EVERY
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._paused: dict[int, tuple[psutil.Process, float]] = {}
        self._leaving: set[int] = set()
        self._mending: threading.Thread | None = None
        self._failure: Exception | None = None

    def step(self) -> None:
        """End the pauses that are over, and inject the next fault if it is time for it.

        Raises what went wrong with starting Redis again.
        """
        if self._failure:
            raise self._failure
        now = time.monotonic()
        for entry in [entry for entry in self._later if entry[0] <= now]:
            self._later.remove(entry)
            entry[1]()
        if now >= self._next:
            self._next = now + min(self._chance.expovariate(1 / EVERY), 3 * EVERY)
            if not self._deck:
                self._deck = list(Counter(DECK).elements())
                self._chance.shuffle(self._deck)
            self._inject(self._deck.pop())

    def finish(self) -> None:
        """Let everything go on that was paused, and wait until Redis is back."""
        for _, action in self._later:
            action()
        self._later.clear()
        if self._mending:
            self._mending.join()
        if self._failure:
            raise self._failure

    def _inject(self, kind: str) -> None:
        verb, _, target = kind.partition(" ")
        if verb == "retry":
            done = self._retry_dead_letters()
        elif target == "redis":
            done = self._break_redis(verb)
        elif target.startswith("a worker"):
            done = self._break_worker(verb, beyond="beyond" in target)
        elif "receiver" in target:
            done = self._break_part(verb, self._chance.choice(self._stage.receivers))
        else:
            pool = self._chance.choice(self._stage.pools)
            done = self._break_part(verb, pool, whole="workers" in target)
        if done:
            self.done[kind] += 1

    def _break_worker(self, verb: str, *, beyond: bool) -> bool:
        workers = [
            worker
            for pool in self._stage.pools
            for worker in self._stage.workers(pool)
            if verb != "stop" or worker.pid not in self._leaving
        ]
        if not workers:
            return False
        worker = self._chance.choice(workers)
        if verb == "kill":
            return self._kill_worker(worker)
        if verb == "stop":
            self._leaving.add(worker.pid)
            return signalled(worker, signal.SIGTERM) is not None
        seconds = self._lease + self._chance.uniform(2, 8) if beyond else self._pause()
        return self._hold(worker, seconds)

    def _kill_worker(self, worker: psutil.Process) -> bool:
        moments = signalled(worker, signal.SIGKILL)
        if moments:
            self.killed.append(Killed(worker.pid, *moments))
            self._let_go(worker.pid)
        return moments is not None

    def _break_part(self, verb: str, part: Part, *, whole: bool = False) -> bool:
        process = part.process
        if process is None or not part.alive or part.asked:
            return False
        if verb == "pause":
            return self._hold(process, self._pause())
        workers = self._stage.workers(part)
        if any(worker.pid in self._leaving for worker in workers):
            return False  # a second signal would end them at once
        part.asked = True
        part.resting = time.monotonic() + self._chance.uniform(0.0, 1.5)
        if verb == "stop":
            self._leaving.update(worker.pid for worker in workers)
            return signalled(process, signal.SIGTERM) is not None
        done = signalled(process, signal.SIGKILL) is not None
        self._leaving.update(worker.pid for worker in workers)  # they see that it is gone
        self._let_go(process.pid)
        if whole:
            for worker in workers:
                self._kill_worker(worker)
        return done

    def _retry_dead_letters(self) -> bool:
        """Have some tried again, as `bellhop dead retry` does; none that kills its worker."""
        if self._mending and self._mending.is_alive():
            return False
        since = time.monotonic()
        with self._stage.client() as redis:
            letters = [
                letter
                for letter in DeadLetters(redis)
                if not fate(letter.event_id, letter.handler).kills
            ]
            letters = self._chance.sample(letters, min(len(letters), _LETTERS))
            letters.sort(key=lambda letter: letter.order)
            resolved = Ledger(redis, _RETENTION).resolve(
                [letter.tried_again() for letter in letters]
            )
            enqueue_shifts(redis, resolved.wake)
        for letter, sure in zip(letters, resolved.done, strict=True):
            self.resumed.append(Resumed(letter.event_id, letter.handler, since, sure))
        return bool(letters)

    def _break_redis(self, verb: str) -> bool:
        if self._mending and self._mending.is_alive():
            return False
        seconds = self._chance.uniform(0.1, 3.0)
        self._mending = threading.Thread(target=self._mend_redis, args=(verb, seconds), daemon=True)
        self._mending.start()
        return True

    def _mend_redis(self, verb: str, seconds: float) -> None:
        """Break Redis, and mend it after some time. Starting it takes long, so in a thread."""
        since = time.monotonic()
        redis = self._stage.redis
        try:
            process = psutil.Process(self._stage.redis_pid)
            if verb == "pause":
                process.suspend()
                time.sleep(seconds)
                process.resume()
            elif verb == "kill":
                process.kill()
                time.sleep(seconds)
                redis.restart()
            else:
                redis.stop()
                time.sleep(seconds)
                redis.start()
            self._stage.know_redis()
        except (psutil.Error, EmbeddedRedisFailed) as error:
            self._failure = error
        finally:
            self.away.append(Away(None, since, time.monotonic(), "redis"))

    def _pause(self) -> float:
        return min(self._chance.expovariate(0.4) + 0.1, 8.0)

    def _hold(self, process: psutil.Process, seconds: float) -> bool:
        if process.pid in self._paused:
            return False
        moments = signalled(process, signal.SIGSTOP)
        if moments is None:
            return False
        pid = process.pid
        self._paused[pid] = (process, moments[0])
        self._later.append((moments[1] + seconds, lambda: self._let_go(pid)))
        return True

    def _let_go(self, pid: int) -> None:
        if held := self._paused.pop(pid, None):
            process, since = held
            with suppress(psutil.NoSuchProcess):
                process.resume()
            self.away.append(Away(pid, since, time.monotonic(), "paused"))
