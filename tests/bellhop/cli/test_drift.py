"""`bellhop drift`: what Seam changed since this version of Bellhop."""

import pytest

from bellhop.events import parse
from bellhop.ledger import Arrival, DriftReport, Ledger
from tests.bellhop.bodies import body, of_type
from tests.bellhop.cli.conftest import Run, rows


def accept(ledger: Ledger, *bodies: bytes) -> None:
    for number, one in enumerate(bodies):
        ledger.accept([Arrival.of(f"msg_{number}", parse(one))])


def test_it_reports_each_difference_with_count_times_and_example(run: Run, ledger: Ledger) -> None:
    accept(
        ledger,
        of_type("lock.unlocked", event_id="e1", method="palm_vein"),
        of_type("lock.unlocked", event_id="e2", method="palm_vein", occurred_at=...),
        of_type("lock.locked", event_id="e3", strength=3),
    )
    report = rows(run("drift"))
    assert [(r["event_type"], r["field"], r["kind"], r["count"], r["example"]) for r in report] == [
        ("lock.locked", "strength", "unknown_field", 1, "a number"),
        ("lock.unlocked", "method", "unknown_value", 2, '"palm_vein"'),
        ("lock.unlocked", "occurred_at", "missing_field", 1, None),
    ]
    assert all(r["first_seen"] <= r["last_seen"] for r in report)


def test_a_person_sees_them_by_type(run: Run, ledger: Ledger) -> None:
    accept(
        ledger,
        of_type("lock.unlocked", method="palm_vein", occurred_at=...),
        body(event_type="lock.jammed", event_id="e2"),
    )
    assert run("drift", "--table").stdout.splitlines() == [
        "lock.jammed:",
        "  event_type  is unknown, 1 event, 0 s ago",
        "",
        "lock.unlocked:",
        '  method       has a new value, 1 event, 0 s ago: "palm_vein"',
        "  occurred_at  is missing, 1 event, 0 s ago",
        "",
    ]


@pytest.mark.parametrize("columns", [80, 140])
def test_a_person_sees_each_type_and_field_whole(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    event_type = "access_code.unmanaged.failed_to_convert_to_managed"
    names = [f"a_name_of_a_field_that_seam_added_in_{year}" for year in (2027, 2028)]
    accept(ledger, of_type(event_type, **dict.fromkeys(names, "no word ")))
    shown = run("drift", "--table").stdout
    lines = shown.splitlines()
    assert lines[0] == f"{event_type}:"
    assert [line.split()[0] for line in lines if "a_name_" in line] == names
    assert max(map(len, lines)) <= columns


def test_what_a_sender_names_gives_no_orders_to_a_terminal(run: Run, ledger: Ledger) -> None:
    accept(
        ledger,
        of_type("lock.unlocked", **{"\x1b[2J\n": "\x9b\u202e"}),
        body(event_type="a\x1b\nb", event_id="e2"),
    )
    report = rows(run("drift"))
    assert {(row["event_type"], row["field"]) for row in report} == {
        ("lock.unlocked", "\x1b[2J\n"),
        ("a\x1b\nb", "event_type"),
    }
    for how in ("--json", "--table"):
        shown = run("drift", how).stdout.replace("\n", "")
        assert shown.isprintable()
        assert "x1b" in shown or "u001b" in shown


def test_no_example_shows_a_door_code(run: Run, ledger: Ledger) -> None:
    accept(
        ledger,
        of_type(
            "access_code.set_on_device", code="4711", note="the code is 4711", pin={"old": "4711"}
        ),
        of_type("lock.unlocked", event_id="e2", code="4711", long="z" * 58 + "4711"),
        of_type("lock.unlocked", event_id="e3", in_json='{"code":"4711"}', access_code="4711"),
        of_type("lock.unlocked", event_id="e4", code="4711", a_4711=4711),
    )
    for how in ("--json", "--table"):
        assert "471" not in run("drift", how).output
    assert {row["field"]: row["example"] for row in rows(run("drift"))} == {
        "a_••••": "a number",
        "access_code": "a string of 4 characters",
        "in_json": "a string of 15 characters",
        "long": "a string of 62 characters",
        "note": "a string of 16 characters",
        "pin": "an object",
    }


def test_no_drift_is_good_news(run: Run) -> None:
    assert run("drift", "--table").stdout.startswith("No drift")
    assert run("drift").stdout == ""


def test_it_forgets_when_it_is_told_to(run: Run, ledger: Ledger) -> None:
    accept(ledger, of_type("lock.unlocked", method="palm_vein"))
    assert "forgot 1" in run("drift", "--forget").stderr
    assert not len(DriftReport(ledger.redis))
