"""What goes wrong in a soak: by chance, from a seed, and written down for the checker.

The kinds are dealt from a deck that is shuffled again when it is used up. The first deck has one of
each kind, so that a run of a minute meets nearly all of them. A fault whose target is down already
comes later.
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
from redis.exceptions import RedisError

from bellhop.embedded import EmbeddedRedisFailed
from bellhop.ledger import DeadLetters, Ledger
from bellhop.queue import enqueue_shifts
from tests.soak.fates import fate
from tests.soak.history import Away, Broken, Killed, Resumed
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
    "fill redis": 1,
    "retry dead letters": 3,
}
"""The kinds of faults, with how many there are of each in a deck."""

EVERY = 2.2
"""Seconds from one fault to the next, on average."""

_OTHER_AFTER = 0.3
"""Seconds until another fault is tried instead of one that could not be done."""

_RETENTION = timedelta(days=14)
"""The receivers' and workers', which is the default."""

_LETTERS = 20
"""Dead letters that are tried again at a time: more would soon be most of the load."""


class Faults:
    """Breaks the stage, a little at a time: call `step` often. `lease`: seconds."""

    def __init__(self, stage: Stage, seed: int, lease: float) -> None:
        self.broken: list[Broken] = []
        self.done: Counter[str] = Counter()
        self.killed: list[Killed] = []
        self.away: list[Away] = []
        self.resumed: list[Resumed] = []
        self._stage = stage
        self._lease = lease
        self._chance = Random(f"faults {seed}")
        self._deck = list(DECK)
        self._chance.shuffle(self._deck)
        self._next = time.monotonic() + EVERY
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._paused: dict[int, tuple[psutil.Process, float]] = {}
        self._leaving: set[int] = set()
        self._mending: threading.Thread | None = None
        self._failure: Exception | None = None

    def step(self, *, calm: bool) -> None:
        """End the pauses that are over, and inject the next fault if it is time for it.

        `calm`: nothing more is to be broken for now. Raises what went wrong with starting Redis
        again.
        """
        if self._failure:
            raise self._failure
        now = time.monotonic()
        for entry in [entry for entry in self._later if entry[0] <= now]:
            self._later.remove(entry)
            entry[1]()
        if now >= self._next and not calm:
            self._next = now + EVERY * self._chance.uniform(0.4, 1.6)
            if not self._deck:
                self._deck = list(Counter(DECK).elements())
                self._chance.shuffle(self._deck)
            kind = self._deck.pop()
            if self._inject(kind):
                self.note(kind)
            else:
                self._deck.insert(0, kind)
                self._next = now + _OTHER_AFTER

    def finish(self) -> None:
        """Let everything go on that was paused, and wait until Redis is back."""
        for _, action in self._later:
            action()
        self._later.clear()
        if self._mending:
            self._mending.join()
        if self._failure:
            raise self._failure

    def _inject(self, kind: str) -> bool:
        """Do it, and return whether it could be done."""
        verb, _, target = kind.partition(" ")
        if verb == "retry":
            return self._retry_dead_letters()
        if target == "redis":
            return self._break_redis(verb)
        if target.startswith("a worker"):
            return self._break_worker(verb, beyond="beyond" in target)
        if "receiver" in target:
            return self._break_part(verb, self._chance.choice(self._stage.receivers))
        pool = self._chance.choice(self._stage.pools)
        return self._break_part(verb, pool, whole="workers" in target)

    def note(self, kind: str) -> None:
        """Write down that something was broken, or done."""
        self.done[kind] += 1
        self.broken.append(Broken(time.monotonic(), kind))

    def stop(self, part: Part) -> bool:
        """Ask a part to stop, unless that would end it at once; return whether it was asked."""
        return self._break_part("stop", part)

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
        """Have some tried again, as `bellhop dead retry` does; none that hangs or kills."""
        if self._mending and self._mending.is_alive():
            return False
        since = time.monotonic()
        with self._stage.client() as redis:
            letters = [
                letter
                for letter in DeadLetters(redis)
                if not (doomed := fate(letter.event_id, letter.handler)).kills and not doomed.hangs
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
            if verb == "fill":
                with self._stage.client() as client:
                    client.config_set("maxmemory", 1)
                    time.sleep(seconds)
                    client.config_set("maxmemory", 0)
            elif verb == "pause":
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
        except (psutil.Error, RedisError, EmbeddedRedisFailed) as error:
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
