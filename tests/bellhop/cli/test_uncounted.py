"""How tries that do not count are shown."""

from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest

from bellhop import Retry
from bellhop.cli.eventlines import Lines
from bellhop.cli.tail import _Open
from bellhop.ledger import Ledger, Record
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.cli.recorded import DEVICE, happen
from tests.workers.conftest import Workplace


@pytest.fixture
def workplace(ledger: Ledger) -> Workplace:
    """A worker whose only handler finds the front desk closed, then fails once, and gives up."""
    workplace = Workplace(ledger)
    tries = iter(range(9))

    @workplace.on("lock.*", name="tell", attempts=1)
    def tell(event: Any) -> None:
        if next(tries) < 2:
            raise Retry("the front desk is closed", counts=False)
        raise RuntimeError("they hung up")

    happen(ledger, "lock.unlocked", "e1")
    workplace.work()
    return workplace


def again(workplace: Workplace) -> None:
    workplace.later(timedelta(hours=2))
    workplace.work()


def test_they_are_told_beside_those_that_count(run: Run, workplace: Workplace) -> None:
    shown = run("device", DEVICE, "--table").output
    assert "tell: retrying, 0 attempts, 1 that did not count: the front desk is closed" in shown
    again(workplace)
    again(workplace)

    shown = run("device", DEVICE, "--table").output
    assert "tell: gave up, 1 attempt, 2 that did not count: RuntimeError: they hung up" in shown
    assert "tell, 1 attempt, 2 that did not count: Run" in run("dead", "--table").output
    [row] = rows(run("show", "e1"))
    [handler] = row["handlers"]
    assert (handler["tries"], handler["uncounted"]) == (1, 2)
    assert [(one["number"], one["counts"]) for one in handler["attempts"]] == [
        (1, False),
        (1, False),
        (1, True),
    ]
    for command in (("show", "e1", "--table"), ("dead", "show", "e1", "--table")):
        lines = run(*command).output.splitlines()
        marked = ["not counted" in line for line in lines if line.startswith("  1 ")]
        marked = marked or ["not counted" in line for line in lines if line.startswith("   1 ")]
        assert marked == [True, True, False], command


def test_each_is_told_as_it_ends(workplace: Workplace, ledger: Ledger) -> None:
    record = Record(ledger.redis)
    event = record.get("e1")
    assert event
    open_events = _Open(Lines(100))
    open_events.add(event)
    told = []
    for _ in range(3):
        with redirect_stdout(StringIO()) as printed:
            open_events.tell(record)
            open_events.tell(record)
        told.append(printed.getvalue().count("tell: "))
        again(workplace)
    assert told == [1, 1, 1]
    assert not open_events
