"""How long it takes until somebody who waits for an action attempt hears of its end.

A real receiver and a real Redis, on this machine. The clock runs from the moment in which the
webhook is sent; for the SDK, which polls every 0.5 s, from the moment in which an API of our own
says that the attempt has ended. Each round ends at a moment by chance.
"""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
from rich.table import Table
from seam import Seam

from bellhop import wait_for_action_attempt
from bellhop.cli.tables import new_table, print_table
from bellhop.embedded import EmbeddedRedis
from bellhop.testing import signed_request
from tests.conftest import SECRET
from tests.stand_in import API_KEY, StandIn
from tests.system.conftest import free_port

ROUNDS = 60
CROWD = 1_000
POLLING = 0.5
MOST_MILLISECONDS = 50


def main() -> int:
    """Print the table. Return 1 if the limit is broken."""
    table = new_table("who waits", "median>", "spread>", "limit>")
    with tempfile.TemporaryDirectory() as folder, receiver(Path(folder)) as (redis, post):
        alone = asyncio.run(waits(redis, post))
        crowded = asyncio.run(waits(redis, post, crowd=CROWD))
    add(table, "wait_for_action_attempt", alone, MOST_MILLISECONDS)
    add(table, f"the same, beside {CROWD:,} others", crowded, MOST_MILLISECONDS)
    add(table, f"Seam's SDK, polling every {POLLING:g} s", polls())
    print_table(table)
    return 0 if max(median(alone), median(crowded)) < MOST_MILLISECONDS else 1


def add(table: Table, who: str, each: Sequence[float], most: int | None = None) -> None:
    """Add a row; figures are milliseconds."""
    spread = f"{min(each):.1f} to {max(each):.1f}"
    table.add_row(who, f"{median(each):.1f} ms", spread, f"{most} ms" if most else "")


@contextmanager
def receiver(folder: Path) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Run a receiver; give the URL of its Redis, and what posts the end of an attempt to it."""
    server, port = EmbeddedRedis(folder / ".bellhop"), free_port()
    server.start()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BELLHOP_")},
        "BELLHOP_REDIS_URL": server.url,
        "BELLHOP_WEBHOOK_SECRETS": SECRET,
        "BELLHOP_PORT": str(port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bellhop.cli", "receiver"],
        cwd=folder,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}")
    ends = time.monotonic() + 30
    while not is_ready(client) and time.monotonic() < ends:
        time.sleep(0.05)

    def post(name: str) -> None:
        kind = "action_attempt.unlock_door.succeeded"
        body, headers = signed_request(kind, secret=SECRET, action_attempt_id=name)
        client.post("/webhooks/seam", content=body, headers=headers).raise_for_status()

    try:
        yield server.url, post
    finally:
        client.close()
        process.terminate()
        process.wait()
        server.stop()


def is_ready(client: httpx.Client) -> bool:
    """Say whether the receiver takes deliveries."""
    try:
        return client.get("/health/ready").is_success
    except httpx.TransportError:
        return False


async def waits(redis: str, post: Callable[[str], None], crowd: int = 0) -> list[float]:
    """Return how long each round took, in milliseconds."""

    async def wait(name: str) -> float:
        await wait_for_action_attempt(name, timeout=600, redis_url=redis)
        return time.perf_counter()

    others = [asyncio.create_task(wait(str(uuid.uuid4()))) for _ in range(crowd)]
    each = []
    for _ in range(ROUNDS):
        name = str(uuid.uuid4())
        waiting = asyncio.create_task(wait(name))
        await asyncio.sleep(random.uniform(0.1, 0.1 + POLLING))
        began = time.perf_counter()
        await asyncio.to_thread(post, name)
        each.append((await waiting - began) * 1e3)
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return each


def polls() -> list[float]:
    """Return how long each round took with the SDK alone, in milliseconds."""
    api = StandIn()
    seam = Seam(API_KEY, endpoint=api.url)
    options = {"timeout": 60.0, "polling_interval": POLLING}

    def wait(name: str) -> float:
        seam.action_attempts.get(action_attempt_id=name, wait_for_action_attempt=options)
        return time.perf_counter()

    each = []
    try:
        with ThreadPoolExecutor(1) as thread:
            for number in range(ROUNDS):
                name = f"attempt{number}"
                api.add(name, "pending")
                waiting = thread.submit(wait, name)
                time.sleep(random.uniform(0.1, 0.1 + POLLING))
                api.add(name)
                began = time.perf_counter()
                each.append((waiting.result() - began) * 1e3)
    finally:
        seam.close()
        api.end()
    return each


if __name__ == "__main__":
    sys.exit(main())
