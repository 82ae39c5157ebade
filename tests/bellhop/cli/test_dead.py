"""`bellhop dead`: what handlers gave up is looked at, tried again, or dropped."""

import json

import pytest

from bellhop.ledger import DeadLetters, HandlerSet, Ledger, Outcome, Result, Subscription
from tests.bellhop.bodies import of_type
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.ledger.conftest import arrival
from tests.one_worker import OneWorker, queued_shifts


def die(
    ledger: Ledger,
    event_id: str,
    *handlers: str,
    event_type: str = "lock.unlocked",
    device: str = "front",
    error: str = "Traceback …\nRuntimeError: the front desk is closed",
    now_ms: int | None = None,
) -> None:
    """Let handlers give up an event after two attempts."""
    body = of_type(event_type, event_id=event_id, device_id=device, code="4711")
    arrived = arrival(event_id, f"device:{device}", body)._replace(event_type=event_type)
    names = handlers or ("doors.audit",)
    worker = OneWorker(ledger, *names, name=f"w of {event_id}")
    ledger.accept([arrived])
    assert worker.claim()
    attempts = [[1_769_860_800_000, 12.5, "RuntimeError: the front desk is closed"]] * 2
    record = json.dumps({"state": "dead", "attempts": attempts, "error": error})
    outcomes = {name: Outcome(Result.DEAD, record) for name in names}
    worker.settle(f"device:{device}", event_id, outcomes, now_ms)


def remaining(ledger: Ledger) -> list[tuple[str, str]]:
    return [(letter.event_id, letter.handler) for letter in DeadLetters(ledger.redis)]


def test_it_lists_them_newest_first(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1", now_ms=1_769_860_801_000)
    die(ledger, "e2", "a", device="back", now_ms=1_769_860_802_000)

    listed = rows(run("dead"))
    times = [row.pop("died_at") for row in listed]
    assert times == ["2026-01-31T12:00:02.000Z", "2026-01-31T12:00:01.000Z"]
    first = {
        "event_id": "e1",
        "event_type": "lock.unlocked",
        "mailbox": "device:front",
        "handler": "doors.audit",
        "tries": 2,
        "error": "RuntimeError: the front desk is closed",
    }
    other = {**first, "event_id": "e2", "mailbox": "device:back", "handler": "a"}
    assert listed == [other, first]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--type", "lock.*"], {"e1", "e2"}),
        (["--type", "device.low_battery"], {"e3"}),
        (["--handler", "b"], {"e2"}),
        (["--device", "back"], {"e2", "e3"}),
        (["--device", "back", "--type", "lock.*"], {"e2"}),
        (["--handler", "nobody"], set()),
    ],
)
def test_they_are_chosen_by_type_handler_and_device(
    run: Run, ledger: Ledger, options: list[str], found: set[str]
) -> None:
    die(ledger, "e1", "a")
    die(ledger, "e2", "b", device="back")
    die(ledger, "e3", "a", device="back", event_type="device.low_battery")
    assert {row["event_id"] for row in rows(run("dead", *options))} == found


def test_a_person_sees_a_table(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1")
    first, second = run("dead", "--table").stdout.splitlines()
    assert first.startswith("e1  lock.unlocked  ")
    assert second == "    doors.audit, 2 attempts: RuntimeError: the front desk is closed"


def test_no_dead_letters_are_good_news(run: Run) -> None:
    assert run("dead", "--table").stdout == "No dead letters.\n"
    assert run("dead", "retry", "--all", "--yes").stdout == "No dead letters.\n"
    assert run("dead").stdout == ""


def test_nothing_found_is_no_news_of_all(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1")
    assert run("dead", "--table", "--handler", "nobody").stdout == "No such dead letters.\n"
    retried = run("dead", "retry", "--handler", "nobody", "--yes")
    assert retried.stdout == "No such dead letters.\n"
    assert retried.stderr == (
        "bellhop: no handler nobody is subscribed; `bellhop handlers` lists them\n"
    )
    ledger.subscribe("w", HandlerSet([Subscription("crm.nobody", ["*"])]))
    assert "did you mean crm.nobody?" in run("dead", "--handler", "nobody").stderr
    assert run("dead", "--table", "--handler", "crm.nobody").stderr == ""


def test_first_characters_and_names_that_are_nearly_right_are_understood(
    run: Run, ledger: Ledger
) -> None:
    die(ledger, "e1-a", "doors.audit", device="front-1")
    die(ledger, "e2-a", "doors.audit", device="front-2")

    assert rows(run("dead", "show", "e1"))[0]["event_id"] == "e1-a"
    assert {row["event_id"] for row in rows(run("dead", "--device", "front-2"))} == {"e2-a"}
    for arguments, code, says in (
        (["dead", "show", "e"], 1, "e: several ids begin so: e1-a, e2-a; give more of it"),
        (["dead", "retry", "--device", "front", "--yes"], 1, "several ids begin so: front-1"),
        (["dead", "drop", "e3-a", "--reason", "x"], 1, "e3-a: no such dead letter"),
        (["dead", "--type", "lock.unlokd"], 1, "did you mean lock.unlocked or lock.locked?"),
        (["dead", "--handler", "door.audit"], 0, "did you mean doors.audit?"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (code, "")
        assert says in done.stderr
    run("dead", "drop", "e1", "--reason", "no guest", "--yes")
    assert remaining(ledger) == [("e2-a", "doors.audit")]


def test_one_is_shown_with_its_attempts_its_error_and_its_event(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1")

    (row,) = rows(run("dead", "show", "e1"))
    assert row["event"]["code"] == "••••"
    assert len(row["attempts"]) == 2
    shown = run("dead", "show", "e1", "--table").stdout
    assert "2026-01-31 12:00:00" in shown
    assert "12.5 ms" in shown
    assert "Traceback …" in shown
    assert '"code": "••••"' in shown
    assert "4711" not in shown


def test_one_that_is_tried_again_is_so_once_and_a_worker_is_asked_for(
    run: Run, ledger: Ledger
) -> None:
    die(ledger, "e1", "a", "b")
    result = run("dead", "retry", "e1", "--handler", "a", "--yes")
    assert result.stdout.splitlines()[-1] == "1 tried again"

    assert remaining(ledger) == [("e1", "b")]
    assert queued_shifts(ledger.redis) == 1
    (mail,) = OneWorker(ledger, "a", "b").claim()
    (entry,) = mail.entries
    assert (mail.handler, entry.event.event_id) == ("a", "e1")
    record = json.loads(entry.record)
    assert (record["state"], record["forgiven"], len(record["attempts"])) == ("retrying", 2, 2)


def test_it_says_what_it_would_do_and_asks(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1")
    die(ledger, "e2", "doors.audit", "b")

    asked = run("dead", "retry", "--all", answer="n\n")
    assert asked.exit_code == 1
    assert "     2  doors.audit  lock.unlocked\n" in asked.stdout
    assert "     1  b  lock.unlocked\n" in asked.stdout
    assert "Try again 3 dead letters?" in asked.stdout
    assert len(remaining(ledger)) == 3
    assert "3 tried again" in run("dead", "retry", "--all", answer="y\n").stdout
    assert remaining(ledger) == []


def test_what_is_tried_again_comes_in_the_order_of_its_events(run: Run, ledger: Ledger) -> None:
    for event_id in ("e2", "e1", "e3"):
        die(ledger, event_id)
    run("dead", "retry", "--type", "lock.*", "--yes")
    (mail,) = OneWorker(ledger, "doors.audit").claim()
    assert [entry.event.event_id for entry in mail.entries] == ["e2", "e1", "e3"]


def test_one_that_is_dropped_keeps_the_reason(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1")
    assert run("dead", "drop", "e1").exit_code == 2
    result = run("dead", "drop", "e1", "--reason", "the guest has left", "--yes")
    assert result.stdout.splitlines()[-1] == "1 dropped"

    record = json.loads(ledger.event("e1")["h:doors.audit"])
    assert (record["state"], record["reason"]) == ("dropped", "the guest has left")
    assert ledger.event("e1")["state"] == b"done"
    assert remaining(ledger) == []


@pytest.mark.parametrize("command", [("retry",), ("drop", "--reason", "x")])
@pytest.mark.parametrize("arguments", [(), ("e1", "--all"), ("--all", "--type", "lock.*")])
def test_it_wants_to_know_which(
    run: Run, command: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    result = run("dead", *command, *arguments)
    assert result.exit_code == 2
    assert "--all" in result.stderr


def test_what_is_no_dead_letter_is_said_to_be_none(run: Run, ledger: Ledger) -> None:
    die(ledger, "e1")
    for command in (("show", "e2"), ("retry", "e1", "e2", "--yes")):
        result = run("dead", *command)
        assert result.exit_code == 1
        assert "e2: no such dead letter; `bellhop dead` lists them" in result.stderr
    assert remaining(ledger) == [("e1", "doors.audit")]


def test_options_before_the_command_are_not_silently_ignored(run: Run) -> None:
    result = run("dead", "--type", "lock.*", "retry", "--all", "--yes")
    assert result.exit_code == 2
    assert "come after the command" in result.stderr


@pytest.mark.parametrize("given", ["", " ", "\udcff", "a\n"])
@pytest.mark.parametrize("command", ["retry", "drop"])
def test_what_is_no_id_means_no_dead_letter(
    ledger: Ledger, run: Run, command: str, given: str
) -> None:
    die(ledger, "the-only-one")
    reason = ["--reason", "x", "--yes"] if command == "drop" else []

    refused = run("dead", command, given, *reason)

    assert refused.exit_code == 1
    assert "the id" in refused.output
    assert len(rows(run("dead", "--json"))) == 1
