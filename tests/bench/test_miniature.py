"""Bellhop's own side of each measurement, with a few thousand events: figures come out of it."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from bench import end_to_end, growth, intake, io, isolation, parse, registries, sharing, work
from bench.peers.bellhop import Bellhop
from bench.scale import Scale
from bench.stage import Stage
from bench.tables import Table

MINIATURE = Scale(
    rounds=1,
    few_rounds=1,
    thorough=True,
    connections=(2,),
    intake_seconds=0.2,
    events=3000,
    devices=300,
    rates=(50,),
    paced_seconds=0.4,
    io_events=20,
    growth_seconds=0.2,
    waiting=(6000,),
    device_counts=(),
    handler_counts=(3,),
    memory_events=40,
    sharing_workers=(1,),
    sharing_seconds=0.2,
    sharing_paced=0.4,
    parse_rounds=1,
)


class OneWorker(Bellhop):
    """Bellhop with one worker process."""

    teams = (1,)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.mark.parametrize(
    ("measurement", "rows", "column"),
    [
        (intake, 1, "requests/s"),
        (work, 2, "events/s"),
        pytest.param(registries, 9, "events/s", marks=pytest.mark.long),
        pytest.param(end_to_end, 1, "p99 ms", marks=pytest.mark.long),
        pytest.param(isolation, 2, "p99 ms", marks=pytest.mark.long),
        pytest.param(io, 1, "events/s", marks=pytest.mark.long),
        pytest.param(growth, 2, "handled/s", marks=pytest.mark.long),
        pytest.param(sharing, 1, "events/s", marks=pytest.mark.long),
        (parse, 4, "bytes"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, ModuleType) else "",
)
def test_a_measurement_yields_figures(
    stage: Stage, measurement: ModuleType, rows: int, column: str
) -> None:
    tables: list[Table] = measurement.measure(stage, MINIATURE, [OneWorker])
    assert len(tables[0].rows) == rows
    assert tables[0].rows[0].figures[column].median > 0
    for table in tables:
        names = {one.name for one in table.columns}
        for row in table.rows:
            assert names >= set(row.figures)
            assert all(figure.low >= 0 for figure in row.figures.values())


def test_nobody_is_measured_if_nobody_is_asked_for(stage: Stage) -> None:
    assert growth.measure(stage, MINIATURE, []) == []
    assert sharing.measure(stage, MINIATURE, []) == []
    assert parse.measure(stage, MINIATURE, []) == []
