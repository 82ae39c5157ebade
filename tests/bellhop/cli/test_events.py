"""`bellhop events`, `show` and `device`: what happened, and what was done about it."""

import re
from datetime import timedelta

import pytest

from bellhop.ledger import Ledger
from bellhop.vault import Kind, Vault
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.cli.recorded import DEVICE, handled_by, happen

CODE = "73915842"
SET = "access_code.set_on_device"


@pytest.fixture
def run(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "80")
    return run


OTHER_KEY = "bm8ga2V5LCBub3IgdGhlIG9uZSB0aGF0IGlzIHNldC4="


def ids(run: Run, *arguments: str) -> list[str]:
    return [row["event_id"] for row in rows(run("events", *arguments, "--json"))]


def test_they_are_listed_newest_first_with_all_that_is_known(run: Run, ledger: Ledger) -> None:
    happen(ledger, "lock.locked", "old", ago=timedelta(hours=3))
    happen(ledger, SET, "new", code=CODE)
    handled_by(ledger)

    new, old = rows(run("events"))
    assert (new["event_id"], new["event_type"], new["state"]) == ("new", SET, "dead")
    assert new["event"]["code"] == "••••"
    assert new["delivery_id"] == "msg_new"
    assert new["mailbox"] == f"device:{DEVICE}"
    assert {one["handler"]: one["state"] for one in new["handlers"]} == {
        "good": "done",
        "bad": "dead",
    }
    [attempt] = old["handlers"][0]["attempts"]
    assert attempt["took_ms"] >= 0
    assert (attempt["number"], attempt["error"], attempt["replay"]) == (1, None, False)
    assert CODE not in run("events").output


def test_they_are_chosen_by_all_that_is_given(run: Run, ledger: Ledger) -> None:
    happen(ledger, "lock.locked", "e1", ago=timedelta(hours=3))
    happen(ledger, SET, "e2", ago=timedelta(hours=2), access_code_id="a1")
    happen(ledger, "lock.jammed", "e3", ago=timedelta(hours=1), device_id="d3")
    happen(ledger, "device.connected", "e4")
    handled_by(ledger)

    assert ids(run) == ["e4", "e3", "e2", "e1"]
    assert ids(run, "lock.*") == ids(run, "--type", "lock.*") == ["e3", "e1"]
    assert run("events", "lock.*", "--type", "lock.*").exit_code == 2
    assert ids(run, "lock.jammed") == ["e3"]
    assert ids(run, "--device", "d3") == ["e3"]
    assert ids(run, "--about", "access_code_id=a1") == ["e2"]
    assert ids(run, "--about", "access_code_id=a1", "--device", "d3") == []
    assert ids(run, "--since", "90m") == ["e4", "e3"]
    assert ids(run, "--since", "150m", "--until", "30m") == ["e3", "e2"]
    assert ids(run, "--state", "unhandled") == ["e4"]
    assert ids(run, "--state", "unhandled", "--state", "dead") == ["e4", "e2"]
    assert ids(run, "lock.*", "--since", "2h", "--state", "done") == ["e3"]


@pytest.mark.parametrize("command", [("events",), ("device", DEVICE), ("replay", "*")])
@pytest.mark.parametrize(
    ("since", "until"),
    [("1d", "2d"), ("1d", "1d"), ("24h", "1d"), ("2026-01-31T12:00Z", "2026-01-31T12:00+01:00")],
)
def test_a_start_that_is_not_before_the_end_is_refused(
    run: Run, command: tuple[str, ...], since: str, until: str
) -> None:
    for times in (("--since", since, "--until", until), ("--until", until, "--since", since)):
        refused = run(*command, *times)
        assert refused.exit_code == 2
        assert "is not before --until (" in refused.stderr
        assert "give the earlier time with --since" in refused.stderr


def test_when_there_are_more_it_is_said(run: Run, ledger: Ledger) -> None:
    for _ in range(3):
        happen(ledger)
    listed = run("events", "--limit", "2")
    assert len(listed.stdout.splitlines()) == 2
    assert "the newest 2; --limit shows more" in listed.stderr
    assert run("events", "--limit", "3").stderr == ""


def test_a_person_can_read_it_in_80_columns(run: Run, ledger: Ledger) -> None:
    happen(ledger, "access_grant.could_not_create_requested_access_methods", "e" * 36)
    happen(ledger, SET, "f" * 36, code=CODE)
    happen(ledger, "lock.\x1b[31m")
    handled_by(ledger)
    for command in (["events"], ["device", DEVICE]):
        shown = run(*command, "--table").output
        assert all(len(line) <= 80 for line in shown.splitlines()), shown
        assert CODE not in shown
        assert "\x1b[31m" not in shown
        assert SET in shown
        assert f"    event {'f' * 36}  " in shown


def test_a_device_has_its_story_told_the_newest_last(run: Run, ledger: Ledger) -> None:
    happen(ledger, SET, "e1", ago=timedelta(hours=2), code=CODE)
    happen(ledger, "lock.unlocked", "e2", method="keycode", ago=timedelta(minutes=1))
    happen(ledger, "lock.unlocked", "elsewhere", device_id="d2")
    handled_by(ledger)

    told = [line.strip() for line in run("device", DEVICE, "--table").stdout.splitlines()]
    story = "\n".join(told)
    assert story.index("e1 ") < story.index("bad: gave up: ValueError: no such door: ••••")
    assert (
        story.index("bad: ")
        < story.index("event e2  method=keycode")
        < story.rindex("good: done in ")
    )
    assert "elsewhere" not in story
    assert [row["event_id"] for row in rows(run("device", DEVICE))] == ["e1", "e2"]
    assert [row["event_id"] for row in rows(run("device", DEVICE, "--since", "1h"))] == ["e2"]
    assert [row["event_id"] for row in rows(run("device", DEVICE, "--limit", "1"))] == ["e2"]


def test_the_first_characters_of_an_id_are_enough(run: Run, ledger: Ledger) -> None:
    happen(ledger, "lock.locked", "aaaa-1", device_id="front-1", access_code_id="c*1")
    happen(ledger, "lock.locked", "aaab-2", device_id="back-2")
    happen(ledger, "lock.locked", "aaab-2-3", device_id="back-3")

    assert rows(run("show", "aaaa"))[0]["event_id"] == "aaaa-1"
    assert rows(run("show", "aaab-2"))[0]["event_id"] == "aaab-2"  # whole, and the start of another
    assert [row["event_id"] for row in rows(run("device", "fr"))] == ["aaaa-1"]
    assert ids(run, "--device", "fr") == ids(run, "--about", "access_code_id=c*") == ["aaaa-1"]
    for arguments, says in (
        (["show", "aaa"], "aaa: several ids begin so: aaaa-1, aaab-2, aaab-2-3; give more of it"),
        (["device", "back"], "back: several ids begin so: back-2, back-3; give more of it"),
        (["show", "aaac-1"], "aaac-1: not found"),
        (["show", "aaaaa-1"], "did you mean aaaa-1?"),
        (["show", "*"], "*: not found"),
        (["events", "--device", "frnt-1"], "with device_id frnt-1 on record"),
        (["events", "--device", "fronn-1"], "did you mean front-1?"),
        (["events", "--about", "device=front"], "did you mean device_id?"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (1, "")
        assert says in done.stderr


def test_all_times_are_written_alike(run: Run, ledger: Ledger) -> None:
    happen(ledger, "lock.locked", "e1")
    [row] = rows(run("show", "e1"))
    for name in ("created_at", "sent_at", "received_at"):
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[name])
    shown = run("show", "e1", "--table").output
    assert row["created_at"].replace("T", " ") in shown
    listed = run("events", "--table").output
    assert f"  {row['created_at'][11:19]}Z  " in listed
    assert ids(run, "--since", row["created_at"]) == []
    assert ids(run, "--until", row["created_at"]) == []


def test_one_event_is_shown_from_when_it_occurred_to_when_it_was_done(
    run: Run, ledger: Ledger
) -> None:
    happen(ledger, SET, "e1", code=CODE, ago=timedelta(minutes=5), lucky_number=7)
    handled_by(ledger)

    shown = run("show", "e1", "--table").output
    steps = [line.split() for line in shown.splitlines() if " 20" in line]
    assert [step[0] for step in steps[:4]] == ["occurred", "created", "sent", "received"]
    assert "+ 3.0 s" in shown
    assert "+ 5 min" in shown
    assert "\ngood  done\n  1  started 20" in shown
    assert "ValueError: no such door: ••••" in shown
    assert "Traceback (most recent call last)" in shown
    assert "lucky_number is new: a number" in shown
    assert '"code": "••••"' in shown
    assert CODE not in shown

    [row] = rows(run("show", "e1"))
    assert row["sent_at"] < row["received_at"]
    assert row["drift"] == [f"{SET}, lucky_number is new: a number"]
    assert "Traceback" in next(one for one in row["handlers"] if one["handler"] == "bad")["error"]


def test_what_cannot_be_read_is_shown_as_far_as_it_can(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", "d3Vua25vd24ta2V5LW9mLTMyLWJ5dGVzLWxvbmcuLi4=")
    happen(ledger, "lock.unlocked", "e1")
    ledger.redis.hset(
        "{bellhop}:event:e1",
        "body",
        Vault([OTHER_KEY]).seal(b"{}", Kind.EVENT, "e1"),
    )

    for command in (["events"], ["show", "e1"], ["device", DEVICE]):
        [row] = rows(run(*command))
        assert row["event"].startswith("cannot be read: event e1: what Redis holds is encrypted")
        assert run(*command, "--table").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nope"], "nope: not found; `bellhop events` lists"),
        (["device", "nope"], "not found: there is no event with device_id nope on record"),
        (["events", "--device", "nope"], "not found: there is no event with device_id nope"),
        (["events", "--about", "x_id=1"], "not found: there is no event with x_id 1 on record"),
        (["events", "lock.unloked"], "did you mean lock.unlocked"),
        (["tail", "lock.unloked"], "did you mean lock.unlocked"),
        (["events", "xyzzy"], "`bellhop types` lists all"),
    ],
)
def test_what_is_not_there_is_said_so(run: Run, arguments: list[str], said: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert said in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "give how long ago, such as 30m, 2h or 7d, or a date such as"),
        (["--until", "31.1.2026"], "2026-01-31T12:00+02:00"),
        (["--about", "x"], "give FIELD=ID, such as access_code_id="),
        (["--about", "=x"], "give FIELD=ID, such as access_code_id="),
        (["--state", "lost"], "accepted"),
        (["--limit", "0"], "0"),
    ],
)
def test_what_cannot_be_meant_is_refused(run: Run, arguments: list[str], said: str) -> None:
    refused = run("events", *arguments)
    assert refused.exit_code == 2
    assert said in " ".join(refused.stderr.split())


def test_there_may_be_none(run: Run, ledger: Ledger) -> None:
    assert run("events", "--table").output == "No events.\n"
    assert run("events").output == ""
    happen(ledger)
    assert run("device", DEVICE, "--until", "1h", "--table").output == "No events.\n"
