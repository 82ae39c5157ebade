"""`bellhop drift`: what Seam changed since this version of Bellhop."""

from bellhop.events import parse
from bellhop.ledger import Arrival, DriftReport, Ledger
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.test_events import of_type


def accept(ledger: Ledger, *bodies: bytes) -> None:
    for number, body in enumerate(bodies):
        ledger.accept([Arrival.of(f"msg_{number}", parse(body))])


def test_it_reports_each_difference_with_count_times_and_example(run: Run, ledger: Ledger) -> None:
    accept(
        ledger,
        of_type("lock.unlocked", event_id="e1", method="palm_vein"),
        of_type("lock.unlocked", event_id="e2", method="palm_vein", occurred_at=...),
        of_type("lock.locked", event_id="e3", strength=3),
    )
    report = rows(run("drift"))
    assert [(r["event_type"], r["field"], r["kind"], r["count"], r["example"]) for r in report] == [
        ("lock.locked", "strength", "unknown_field", 1, "3"),
        ("lock.unlocked", "method", "unknown_value", 2, '"palm_vein"'),
        ("lock.unlocked", "occurred_at", "missing_field", 1, None),
    ]
    assert all(r["first_seen"] <= r["last_seen"] for r in report)


def test_a_person_sees_a_table(run: Run, ledger: Ledger) -> None:
    accept(ledger, of_type("lock.unlocked", method="palm_vein"))
    row = " ".join(run("drift", "--table").stdout.splitlines()[-2].split())
    assert row.startswith("lock.unlocked method unknown value 1 ")
    assert row.endswith('"palm_vein"')


def test_no_example_shows_a_door_code(run: Run, ledger: Ledger) -> None:
    accept(
        ledger,
        of_type(
            "access_code.set_on_device", code="4711", note="the code is 4711", pin={"old": "4711"}
        ),
    )
    for how in ("--json", "--table"):
        assert "4711" not in run("drift", how).output
    assert {row["field"]: row["example"] for row in rows(run("drift"))} == {
        "note": '"the code is ••••"',
        "pin": '{"old": "••••"}',
    }


def test_no_drift_is_good_news(run: Run) -> None:
    assert run("drift", "--table").stdout.startswith("No drift")
    assert run("drift").stdout == ""


def test_it_forgets_when_it_is_told_to(run: Run, ledger: Ledger) -> None:
    accept(ledger, of_type("lock.unlocked", method="palm_vein"))
    assert "forgot 1" in run("drift", "--forget").stderr
    assert not len(DriftReport(ledger.redis))
