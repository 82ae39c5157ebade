"""How an event is shown that a handler was not called for."""

from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO

from bellhop import SeamEvent
from bellhop.cli.eventlines import Lines
from bellhop.cli.tail import _Open
from bellhop.ledger import Ledger, Record
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.cli.recorded import DEVICE, happen
from tests.workers.conftest import Workplace

CODE = "73915842"


def never(event: SeamEvent) -> None:
    raise RuntimeError


def skip_some(ledger: Ledger) -> None:
    """Let an event happen that one handler finds too old, and another does not want."""
    workplace = Workplace(ledger)
    workplace.on("*", name="old", max_age="30m")(never)
    workplace.on("*", name="other", where={"code": CODE})(never)
    happen(ledger, "lock.unlocked", "e1", ago=timedelta(hours=1), code="4711")
    workplace.work()


def test_it_is_told_with_the_reason(run: Run, ledger: Ledger) -> None:
    skip_some(ledger)
    shown = run("device", DEVICE, "--table").output
    assert "old: skipped: older than max_age=30m: it occurred at 20" in shown
    assert "other: skipped: its code is not what where asks for" in shown
    assert "\nother  skipped\n     its code is not what where asks for\n" in (
        run("show", "e1", "--table").output
    )
    [row] = rows(run("events", "--state", "done"))
    other = next(one for one in row["handlers"] if one["handler"] == "other")
    assert (other["state"], other["tries"], other["attempts"]) == ("skipped", 0, [])
    assert other["error"] == "its code is not what where asks for"
    assert not {CODE, "4711"} & set(shown.split())


def test_it_is_told_as_it_comes(ledger: Ledger) -> None:
    skip_some(ledger)
    record = Record(ledger.redis)
    event = record.get("e1")
    assert event
    open_events = _Open(Lines(100))
    open_events.add(event)
    with redirect_stdout(StringIO()) as printed:
        open_events.tell(record)
    assert printed.getvalue().count(": skipped: ") == 2
    assert not open_events
