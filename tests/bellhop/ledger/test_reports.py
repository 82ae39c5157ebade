"""What people ask the ledger: the quarantine and the drift."""

from datetime import UTC, datetime, timedelta

from bellhop.events import Drift
from bellhop.ledger import DriftReport, Kept, Quarantine, Quarantined, SeenDrift
from tests.bellhop.ledger.conftest import Desk, arrival


def kept(desk: Desk, *names: str) -> Quarantine:
    """Quarantine these, a second apart."""
    for name in names:
        desk.accept(Quarantined(name, b"{}", ("event_id: is missing", "two"), {"user-agent": "x"}))
        desk.now += 1_000
    return Quarantine(desk.redis)


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def test_what_is_in_quarantine_is_read_as_it_came(desk: Desk) -> None:
    received = at(desk.now)
    problems = ("event_id: is missing", "two")
    quarantine = kept(desk, "msg_1")

    assert quarantine.get("msg_1") == Kept("msg_1", received, b"{}", problems, {"user-agent": "x"})
    assert quarantine.get("msg_2") is None


def test_the_newest_comes_first_unless_asked_otherwise(desk: Desk) -> None:
    quarantine = kept(desk, "a", "c", "b")

    assert len(quarantine) == 3
    assert [one.delivery_id for one in quarantine] == ["b", "c", "a"]
    assert [one.delivery_id for one in quarantine.oldest_first()] == ["a", "c", "b"]


def test_what_is_dropped_is_gone(desk: Desk) -> None:
    quarantine = kept(desk, "a", "b")

    assert quarantine.drop("a")
    assert not quarantine.drop("a")
    assert [one.delivery_id for one in quarantine] == ["b"]
    assert list(desk.found["quarantine"]) == ["b"]


def test_taking_out_while_looking_skips_none(desk: Desk) -> None:
    quarantine = kept(desk, "a", "b", "c")

    assert [one.delivery_id for one in quarantine if quarantine.drop(one.delivery_id)] == [
        "c",
        "b",
        "a",
    ]


def test_drift_is_reported_by_type_and_field_with_its_count_and_times(desk: Desk) -> None:
    first = desk.now
    palm = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
    late = Drift("lock.locked", "occurred_at", "missing_field")
    desk.accept(arrival("e1")._replace(drift=[palm]))
    desk.now += 60_000
    desk.accept(arrival("e2")._replace(drift=[palm]))
    locked = arrival("e3")._replace(event_type="lock.locked", drift=[late])
    desk.accept(locked)

    minute = timedelta(minutes=1)
    report = DriftReport(desk.redis)
    assert len(report) == 2
    assert report.read() == [
        SeenDrift(late, 1, at(first) + minute, at(first) + minute),
        SeenDrift(palm, 2, at(first), at(first) + minute),
    ]


def test_forgotten_drift_is_told_anew(desk: Desk) -> None:
    palm = Drift("lock.unlocked", "method", "unknown_value", '"palm_vein"')
    desk.accept(arrival("e1")._replace(drift=[palm]))

    report = DriftReport(desk.redis)
    assert report.forget() == 1
    assert report.read() == []
    assert desk.found["drift"] == {}
    assert desk.accept(arrival("e2")._replace(drift=[palm])).unseen == (palm,)
