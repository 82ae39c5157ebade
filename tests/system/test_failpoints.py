"""A process is killed at every step between a request and the end of its handlers.

Whatever it was, and wherever: every accepted event is handled, in order for its device, within
seconds, and nobody's work is repeated but that of the worker that was killed.
"""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen

import httpx
import pytest
from redis import Redis

from bellhop.failpoints import NAMES
from bellhop.ledger import keys
from tests.slack import slack
from tests.system.conftest import House, delivery, eventually

DEVICES = [f"door{number}" for number in range(6)]
EVENTS = 4
HANDLERS = """
def told(event, context):
    ran(context.handler, event.device_id, event.event_id, context.attempt, os.getpid())

@on("lock.*", name="plain")
def plain(event, context):
    told(event, context)
    if event.event_id == "door0-0":
        time.sleep(1.2)  # so long that mail is given back, and the next shift called

@on("lock.*", name="fails_once")
async def fails_once(event, context):
    told(event, context)
    if context.attempt == 1 and event.event_id.endswith("-2"):
        raise Retry("not yet", after=WAIT)
"""
KILLS = [
    ("accept.before", "sweep.before"),
    ("accept.after", "call_shift.before"),
    ("enqueue.before", "call_shift.after"),
    ("enqueue.after", "sweep.after"),
    ("claim.before", "give_back.before"),
    ("claim.after", "settle.after"),
    ("handler.before", "settle.before"),
    ("handler.after", "give_back.after"),
    ("async_handler.before", "hand_over.before"),
    ("async_handler.after", "hand_over.after"),
    ("idle.before", "idle.after"),
]
"""The failpoints that kill in one run, of which two at most are a worker's: three deaths are a
dead letter."""

ALWAYS = (5, 9)
"""Places of the kills that `make test` runs: one under sync handlers, one under async ones.

`make soak` runs the others.
"""

PASS = {"sweep.before": 2, "sweep.after": 2, "settle.before": 2, "settle.after": 2}
"""The pass that kills, where the first comes before there is anything to lose."""


class Site:
    """A receiver and a pool that are started again when they end, as an orchestrator does."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._parts: dict[str, Popen[str]] = {}
        self.wanted = ["receiver"]
        self._lock = threading.Lock()

    def keep_up(self) -> None:
        """Start what does not run."""
        with self._lock:
            for part in self.wanted:
                if part not in self._parts or self._parts[part].poll() is not None:
                    options = ("-n", "2") if part == "worker" else ()
                    self._parts[part] = self._house.start(part, *options)

    def send(self, device: str) -> list[str]:
        """Send a device's events in order, each until it is accepted; return their ids."""
        sent = []
        with httpx.Client(timeout=30) as client:
            for number in range(EVENTS):
                event_id = f"{device}-{number}"
                body, headers, _ = delivery(device_id=device, event_id=event_id)
                while not self._accepts(client, body, headers):
                    self.keep_up()
                    time.sleep(0.05)
                sent.append(event_id)
        return sent

    def _accepts(self, client: httpx.Client, body: bytes, headers: dict[str, str]) -> bool:
        try:
            return client.post(self._house.webhook, content=body, headers=headers).is_success
        except httpx.TransportError:
            return False


def test_every_failpoint_kills_in_some_run() -> None:
    assert {name for names in KILLS for name in names} == set(NAMES)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(names, marks=() if place in ALWAYS else pytest.mark.long)
        for place, names in enumerate(KILLS)
    ],
    ids=" and ".join,
)
def test_kills_lose_nothing_and_repeat_only_what_was_in_hand(
    names: tuple[str, ...], house: House, redis: Redis, tmp_path: Path
) -> None:
    # The foreman calls a shift when none is at work, or rests, to be rung for.
    wait = 3.0 if names[-1].startswith("call_shift") else 0.2
    house.handlers(f"WAIT = {wait}{HANDLERS}")
    armed = {name: tmp_path / f"token-{name}" for name in names}
    for token in armed.values():
        token.touch()
    house.environment["BELLHOP_FAILPOINTS"] = " ".join(
        f"{one}:{PASS.get(one, 1)}={token}" for one, token in armed.items()
    )
    house.environment["BELLHOP_SLICE"] = "1"
    site = Site(house)
    if names[0].startswith("enqueue"):  # for handlers that some worker has, and none is idle
        site.wanted.append("worker")
        site.keep_up()
        eventually(lambda: redis.exists(keys.SETS), "workers have subscribed")
    site.keep_up()

    sent = {DEVICES[0]: site.send(DEVICES[0])}  # in front of all others
    with ThreadPoolExecutor(len(DEVICES)) as threads:
        sent |= zip(DEVICES[1:], threads.map(site.send, DEVICES[1:]), strict=True)
    site.wanted = ["receiver", "worker"]
    killed = await_kills(site, armed, house)

    def done() -> bool:
        site.keep_up()
        states = [redis.hget(keys.event(one), "state") for ids in sent.values() for one in ids]
        return set(states) == {b"done"}

    within = 15 + slack()
    eventually(done, "everything is handled", within=within, shown=lambda: seen(house))
    check(house.lines(), sent, killed)


def await_kills(site: Site, armed: dict[str, Path], house: House) -> set[int]:
    """Wait until each failpoint has killed; return the pids."""
    killed: set[int] = set()

    def all_killed() -> bool:
        site.keep_up()
        for token in armed.values():
            killed.update(int(path.suffix[1:]) for path in token.parent.glob(f"{token.name}.*"))
        return len(killed) == len(armed)

    eventually(all_killed, "the failpoint killed", shown=lambda: seen(house))
    return killed


def check(lines: list[str], sent: dict[str, list[str]], killed: set[int]) -> None:
    """Hold what ran, in the order in which it began, against the promise."""
    runs = [(*line.split()[:4], int(line.split()[4])) for line in lines]
    for handler in ("plain", "fails_once"):
        for device, ids in sent.items():
            first = [
                one
                for kind, of, one, attempt, _ in runs
                if (kind, of, attempt) == (handler, device, "1")
            ]
            assert list(dict.fromkeys(first)) == ids
            assert list(dict.fromkeys(reversed(first))) == ids[::-1]
    again = {one for kind, _, one, attempt, _ in runs if (kind, attempt) == ("fails_once", "2")}
    assert again == {one for ids in sent.values() for one in ids if one.endswith("-2")}
    counts = Counter(run[:4] for run in runs)
    for run, count in counts.items():
        by_killed = sum(one[:4] == run and one[4] in killed for one in runs)
        assert count - by_killed <= 1, f"{run} was repeated, but its worker was not killed"


def seen(house: House) -> str:
    """What to show when something is amiss."""
    return "\n".join([*house.lines(), house.output()])


@pytest.mark.parametrize("command", ["receiver", "worker", "up"])
def test_a_misspelt_failpoint_is_refused_at_the_start(house: House, command: str) -> None:
    house.environment["BELLHOP_FAILPOINTS"] = "clam.after=/token"

    refused = house.run(command)

    assert refused.returncode == 1
    said = "bellhop: BELLHOP_FAILPOINTS: there is no clam.after; did you mean claim.after?"
    assert refused.stderr.splitlines()[-1] == said
