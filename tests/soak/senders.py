"""Senders that behave as Svix does, and a little worse.

A delivery that is not answered 2xx comes again, with the same svix-id, until it is. Some come
again all the same; some events come again under another svix-id; some bodies are no events, and
some requests are not signed. Each delivery goes to one of the receivers, at random.
"""

import heapq
import http.client
import itertools
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from bellhop.samples import sample
from bellhop.signature import sign
from tests.conftest import SECRET
from tests.soak.fates import NOISE, TYPES, handlers_of
from tests.soak.history import FINE, Answer, Delivery, Sent

THREADS = 12
PATIENCE = 6.0
"""Seconds that a sender waits for an answer. Svix waits 15, but a soak is short."""

_FORGED = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldCwgbm90IG91cnM="
_NOISE_AT = 9.5
_NOISE_EVERY = 36.0
"""Seconds until two events come that hang in some handlers, and from then on until two others do.

Two at a time would take both workers of a pool. One comes at the very beginning: so it is known
then how slow these handlers are.
"""

_DEVICES = 60
_HOT = 4
"""So many devices have a third of all events."""


@dataclass(order=True, slots=True)
class _Due:
    at: float
    number: int
    event_id: str = field(compare=False)
    delivery_id: str = field(compare=False)
    body: bytes = field(compare=False)
    failures: int = field(default=0, compare=False)
    echo: bool = field(default=False, compare=False)


class Senders:
    """Makes up `rate` events a second, and delivers them to `ports`."""

    def __init__(self, seed: int, ports: Sequence[int], rate: float) -> None:
        self.sent: dict[str, Sent] = {}
        self.deliveries: list[Delivery] = []
        self._seed = seed
        self._ports = ports
        self._rate = rate
        self._chance = Random(f"events {seed}")
        self._numbers = itertools.count(1)
        self._due: list[_Due] = []
        self._open = 0
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._deliver_all, args=(number,), daemon=True)
            for number in range(THREADS)
        ]
        self._maker = threading.Thread(target=self._make_up, daemon=True)
        now = datetime.now(UTC)
        self._bodies = {
            name: sample(name, {}, now=now, new_id=lambda: "new") for name in (*TYPES, NOISE)
        }

    def start(self) -> None:
        """Begin to send."""
        for thread in (*self._threads, self._maker):
            thread.start()

    def finish(self, within: float) -> bool:
        """Make up no more events, and say whether all were taken within so many seconds."""
        self._over.set()
        self._maker.join()
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, within)

    def _make_up(self) -> None:
        due = time.monotonic()
        noise_due = due + _NOISE_AT
        self._make_one(NOISE)
        while not self._over.wait(max(0.0, due - time.monotonic())):
            burst = 30 if self._chance.random() < 0.005 else 1
            for _ in range(burst):
                self._make_one(self._chance.choice(TYPES))
            if due >= noise_due:
                noise_due += _NOISE_EVERY
                self._make_one(NOISE)
                self._make_one(NOISE)
            due += self._chance.expovariate(self._rate / 1.145)  # 0.005 bursts of 30

    def _make_one(self, event_type: str) -> None:
        number = next(self._numbers)
        few = self._chance.random() < 0.33
        device = f"door{self._chance.randrange(_HOT if few else _DEVICES)}"
        event_id = f"e{self._seed}-{number}"
        content = {**self._bodies[event_type], "event_id": event_id, "device_id": device}
        one = Sent(event_id, device, handlers_of(event_type))
        kind = 1.0 if event_type == NOISE else self._chance.random()
        if kind < 0.01:
            one = Sent(event_id, device, (), "strange")
            del content["event_type"]
        elif kind < 0.02:
            one = Sent(event_id, device, (), "forged")
        self.sent[event_id] = one
        self._plan(0.0, event_id, f"msg_{event_id}", json.dumps(content).encode())

    def _plan(
        self,
        wait: float,
        event_id: str,
        delivery_id: str,
        body: bytes,
        failures: int = 0,
        *,
        echo: bool = False,
    ) -> None:
        with self._changed:
            at, number = time.monotonic() + wait, next(self._numbers)
            heapq.heappush(self._due, _Due(at, number, event_id, delivery_id, body, failures, echo))
            self._open += 1
            self._changed.notify_all()

    def _deliver_all(self, number: int) -> None:
        chance = Random(f"sender {self._seed} {number}")
        connections: dict[int, http.client.HTTPConnection] = {}
        while True:
            due = self._next()
            delivery = self._deliver(due, chance.choice(self._ports), connections)
            self.deliveries.append(delivery)
            self._go_on(due, delivery.answer, chance)
            with self._changed:
                self._open -= 1
                self._changed.notify_all()

    def _next(self) -> _Due:
        with self._changed:
            while True:
                now = time.monotonic()
                if self._due and self._due[0].at <= now:
                    return heapq.heappop(self._due)
                self._changed.wait(self._due[0].at - now if self._due else None)

    def _deliver(
        self, due: _Due, port: int, connections: dict[int, http.client.HTTPConnection]
    ) -> Delivery:
        forged = self.sent[due.event_id].kind == "forged"
        headers = sign(due.delivery_id, datetime.now(UTC), due.body, _FORGED if forged else SECRET)
        connection = connections.setdefault(
            port, http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        )
        sent = time.monotonic()
        answer = _post(connection, due.body, headers)
        return Delivery(due.event_id, due.delivery_id, sent, time.monotonic(), answer)

    def _go_on(self, due: _Due, answer: Answer, chance: Random) -> None:
        """Plan the delivery's next coming, if there is to be one."""
        if answer == "refused":
            return
        if answer not in FINE:
            wait = min(0.2 * 2**due.failures, 2.0) * chance.uniform(0.5, 1.0)
            failures = due.failures + 1
            self._plan(wait, due.event_id, due.delivery_id, due.body, failures, echo=due.echo)
        elif not due.echo:
            if chance.random() < 0.05:
                wait = chance.uniform(0.0, 5.0)
                self._plan(wait, due.event_id, due.delivery_id, due.body, echo=True)
            if chance.random() < 0.03 and self.sent[due.event_id].kind == "event":
                wait, other = chance.uniform(0.0, 5.0), f"{due.delivery_id}-again"
                self._plan(wait, due.event_id, other, due.body, echo=True)


def _post(
    connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]
) -> Answer:
    try:
        if connection.sock is None:
            connection.connect()
    except OSError:
        connection.close()
        return "unreached"
    try:
        connection.request("POST", "/webhooks/seam", body, dict(headers))
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return "lost"
    if response.status in (200, 202):
        return "duplicate" if json.loads(content)["outcome"] == "duplicate" else "accepted"
    return "unavailable" if response.status >= 500 else "refused"
