"""How much is measured: in full, or quickly."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of every measurement. Seconds are those of a turn."""

    name: str
    rounds: int
    connections: tuple[int, ...]
    intake_seconds: float
    events: int
    devices: int
    rates: tuple[int, ...]
    paced_seconds: float


FULL = Scale(
    name="full",
    rounds=3,
    connections=(1, 8, 64),
    intake_seconds=2.0,
    events=10_000,
    devices=500,
    rates=(20, 500),
    paced_seconds=5.0,
)

QUICK = Scale(
    name="quick",
    rounds=1,
    connections=(1, 64),
    intake_seconds=1.0,
    events=3_000,
    devices=500,
    rates=(20, 500),
    paced_seconds=2.0,
)
