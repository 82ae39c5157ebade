"""How much is measured: in full, or quickly."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Sizes of every measurement. Seconds are those of a turn.

    `few_rounds`: of measurements whose rounds take long. `thorough`: whether each is also measured
    with more processes, and the slowest where they cannot keep up.
    """

    rounds: int
    few_rounds: int
    thorough: bool
    connections: tuple[int, ...]
    intake_seconds: float
    events: int
    devices: int
    rates: tuple[int, ...]
    paced_seconds: float
    io_events: int
    growth_seconds: float
    waiting: tuple[int, ...]
    device_counts: tuple[int, ...]
    handler_counts: tuple[int, ...]
    memory_events: int
    sharing_workers: tuple[int, ...]
    sharing_seconds: float
    sharing_paced: float
    parse_rounds: int


FULL = Scale(
    rounds=3,
    few_rounds=2,
    thorough=True,
    connections=(1, 8, 64),
    intake_seconds=1.5,
    events=10_000,
    devices=500,
    rates=(20, 500),
    paced_seconds=3.0,
    io_events=2_000,
    growth_seconds=1.0,
    waiting=(1_000, 10_000, 100_000, 1_000_000),
    device_counts=(1, 10, 1_000, 100_000),
    handler_counts=(1, 10, 100),
    memory_events=50_000,
    sharing_workers=(1, 2, 4, 8),
    sharing_seconds=2.0,
    sharing_paced=10.0,
    parse_rounds=15,
)

QUICK = Scale(
    rounds=1,
    few_rounds=1,
    thorough=False,
    connections=(1, 64),
    intake_seconds=0.6,
    events=2_000,
    devices=500,
    rates=(20, 500),
    paced_seconds=1.2,
    io_events=400,
    growth_seconds=0.5,
    waiting=(1_000, 20_000),
    device_counts=(1, 1_000),
    handler_counts=(1, 100),
    memory_events=5_000,
    sharing_workers=(1, 4),
    sharing_seconds=1.0,
    sharing_paced=2.0,
    parse_rounds=3,
)
