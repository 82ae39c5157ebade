"""Ordering load from the generator, a process of its own."""

import json
import subprocess
from dataclasses import asdict

from bench.generator import Load, Order
from bench.processes import NotMeasured
from bench.stage import PYTHON, ROOT

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the bench, and of nothing else


def send(order: Order) -> Load:
    """Send what is ordered. Raises `NotMeasured` unless all was answered, and 2xx."""
    ended = subprocess.run(
        [PYTHON, "-m", "bench.generator", json.dumps(asdict(order))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=order.seconds + order.warm + 60,
        check=False,
    )
    if ended.returncode:
        raise NotMeasured(f"the generator failed: {order}\n{ended.stderr[-2000:]}")
    load = Load(**json.loads(ended.stdout))
    if strange := {status: count for status, count in load.statuses.items() if status[0] != "2"}:
        raise NotMeasured(f"answers that were not 2xx: {strange}")
    return load
