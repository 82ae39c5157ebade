"""`bellhop handlers`: what waits for whom is listed, held up, moved or given up."""

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bellhop import moving
from bellhop.hooks import Hook
from bellhop.ledger import (
    ClaimLimit,
    GiveBack,
    HandlerSet,
    Ledger,
    Outcome,
    SettledEntry,
    SettledMail,
    Subscription,
    keys,
    read_condition,
    read_subscriptions,
)
from bellhop.ledger import (
    Result as Kind,
)
from tests.bellhop.bodies import of_type
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.ledger.conftest import arrival
from tests.outside import without_settings

RETRIED = '{"state": "retrying", "attempts": [[1, 2.5, "oh no"]]}'


class Deploy:
    """A worker that has some handlers until it ends."""

    def __init__(self, ledger: Ledger, *subscriptions: Subscription, worker: str = "w-1") -> None:
        self.ledger = ledger
        self.worker = worker
        self.handlers = HandlerSet(subscriptions)
        ledger.subscribe(worker, self.handlers)

    def end(self) -> None:
        """Stop, as its pool tells."""
        self.ledger.sweep(queues="rq:queue:bellhop:", dead={self.worker: ""})

    def retry(self, handler: str, delay_ms: int = 60_000) -> None:
        """Have the handler try the first event again later."""
        limit = ClaimLimit(handler, 1, 1)
        [mail] = self.ledger.claim(self.worker, self.handlers, [limit]).mail
        entry = SettledEntry(mail.entries[0].event.event_id, Outcome(Kind.RETRY, RETRIED, delay_ms))
        done = SettledMail(handler, mail.mailbox, GiveBack.END, [entry])
        assert self.ledger.settle(self.worker, self.handlers, 1, [done]).ours


def audit(pattern: str = "*", limit: int | None = None) -> Subscription:
    return Subscription("doors.audit", [pattern], limit)


def accept(ledger: Ledger, *event_ids: str, device: str = "front") -> None:
    for event_id in event_ids:
        body = of_type("lock.unlocked", event_id=event_id, device_id=device, code="4711")
        ledger.accept([arrival(event_id, f"device:{device}", body)])


def gone(ledger: Ledger) -> None:
    """Let three events, one of which is to be tried again, wait for a handler that nobody has."""
    deploy = Deploy(ledger, audit())
    accept(ledger, "e1", "e2")
    accept(ledger, "e3", device="back")
    deploy.retry("doors.audit")
    deploy.end()


def names(ledger: Ledger) -> set[str]:
    return {one.name for one in read_subscriptions(ledger.redis)}


def mail(ledger: Ledger, handler: str, device: str = "front") -> list[str]:
    found: Any = ledger.redis.lrange(keys.mail(handler, f"device:{device}"), 0, -1)
    return [one.decode() for one in found]


# The list


@pytest.fixture
def listed(redis_url: str, tmp_path: Path) -> Any:
    """Run `bellhop handlers` in a directory with two handlers, in a process of its own."""
    (tmp_path / "handlers").mkdir()
    (tmp_path / "handlers" / "__init__.py").write_text("")
    (tmp_path / "handlers" / "doors.py").write_text(
        "from bellhop import on\n"
        '@on("lock.*", name="doors.audit")\ndef audit(event): ...\n'
        '@on("device.*", name="doors.new")\ndef new(event): ...\n'
    )
    environment = {**without_settings(), "COLUMNS": "100", "BELLHOP_REDIS_URL": redis_url}

    def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "bellhop.cli", "handlers", *arguments],
            cwd=tmp_path, env=environment | variables, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    return run


def test_it_lists_what_is_registered_here_and_what_any_worker_has_or_had(
    listed: Any, ledger: Ledger
) -> None:
    deploy = Deploy(ledger, audit("lock.*", 3), Subscription("doors.old", ["lock.un*"]))
    accept(ledger, "e1", "e2")
    accept(ledger, "e3", device="back")
    deploy.retry("doors.old")
    deploy.end()
    Deploy(ledger, audit("lock.*", 3), worker="w-2")
    ledger.pause("doors.audit")

    audits, new, old = map(json.loads, listed("--json").stdout.splitlines())
    told = audits["subscription"]
    assert told.pop("since").endswith("Z")
    assert told.pop("last_seen").endswith("Z")
    assert told == {
        "patterns": ["lock.*"],
        "workers": 1,
        "mailboxes": 2,
        "events": 3,
        "retries": 0,
        "paused": True,
        "limit": 3,
    }
    assert (new["handler"], new["registered"], new["subscription"]) == ("doors.new", True, None)
    assert (old["handler"], old["registered"]) == ("doors.old", False)
    assert (old["subscription"]["workers"], old["subscription"]["retries"]) == (0, 1)

    table = " ".join(listed("--table").stdout.split())
    assert (
        "lock.* (3 types) 1 worker; at most 3 at a time; paused; "
        "3 events in 2 mailboxes wait doors.new" in table
    )
    assert "no worker has it yet doors.old" in table
    assert "doors.old not registered here lock.un* no worker for" in table
    assert table.endswith("2 events in 2 mailboxes and 1 retry wait")

    of_devices = listed("--json", "--type", "device.tampered").stdout.splitlines()
    assert [json.loads(one)["handler"] for one in of_devices] == ["doors.new"]
    of_locks = listed("--json", "--type", "lock.unlocked").stdout.splitlines()
    assert [json.loads(one)["handler"] for one in of_locks] == ["doors.audit", "doors.old"]


def test_without_redis_it_shows_what_is_registered_here(listed: Any) -> None:
    away = listed("--json", BELLHOP_REDIS_URL="redis://127.0.0.1:1/0")
    assert away.returncode == 0
    first, second = map(json.loads, away.stdout.splitlines())
    assert (first["handler"], second["handler"]) == ("doors.audit", "doors.new")
    assert "subscription" not in first
    assert "what waits is not shown: cannot reach Redis" in away.stderr
    unset = listed("--json", BELLHOP_REDIS_URL="")
    assert (unset.stdout, unset.stderr) == (away.stdout, "")


# Pause and resume


def test_a_handler_is_paused_and_goes_on(run: Run, ledger: Ledger) -> None:
    Deploy(ledger, audit())
    accept(ledger, "e1")

    paused = run("handlers", "pause", "doors.audit", answer="y\n")
    assert paused.exit_code == 0, paused.output
    assert "doors.audit: 1 event in 1 mailbox waits; what comes will wait, too." in paused.stdout
    assert ledger.redis.smembers(keys.PAUSED) == {b"doors.audit"}
    assert run("handlers", "pause", "doors.audit").stdout == "doors.audit is paused already.\n"

    resumed = run("handlers", "resume", "doors.audit", "--yes")
    assert resumed.stdout.endswith("doors.audit goes on.\n")
    assert not ledger.redis.exists(keys.PAUSED)
    assert run("handlers", "resume", "doors.audit").stdout == "doors.audit is not paused.\n"


@pytest.mark.parametrize("command", ["pause", "resume", "forget", "move"])
def test_nothing_is_done_without_consent_nor_to_what_nobody_knows(
    run: Run, ledger: Ledger, command: str
) -> None:
    gone(ledger)
    more = ["doors.new"] if command == "move" else []
    if command == "resume":
        ledger.pause("doors.audit")
    before = _all(ledger)

    refused = run("handlers", command, "doors.audit", *more, answer="n\n")
    assert refused.exit_code == 1
    assert "doors.audit: 2 events in 2 mailboxes and 1 retry wait" in refused.stdout
    unknown = run("handlers", command, "doors.audti", *more, "--yes")
    assert unknown.exit_code == 2
    assert "no handler 'doors.audti' is subscribed; did you mean doors.audit?" in unknown.stderr
    assert _all(ledger) == before


@pytest.mark.parametrize("command", ["pause", "resume", "forget", "move"])
@pytest.mark.parametrize("given", ["doors.au", "audit", ""])
def test_a_part_of_a_name_is_no_name(run: Run, ledger: Ledger, command: str, given: str) -> None:
    gone(ledger)
    if command == "resume":
        ledger.pause("doors.audit")
    before = _all(ledger)
    refused = run("handlers", command, given, *["doors.new"] * (command == "move"), "--yes")
    assert refused.exit_code == 2
    hint = "did you mean doors.audit?" if given else "`bellhop handlers` lists them"
    assert f"no handler {given!r} is subscribed; {hint}" in refused.stderr
    assert _all(ledger) == before


def _all(ledger: Ledger) -> dict[bytes, object]:
    redis: Any = ledger.redis
    return {name: redis.dump(name) for name in redis.scan_iter("*")}


# Forget


def test_what_waits_for_a_handler_that_is_forgotten_is_abandoned(run: Run, ledger: Ledger) -> None:
    def events(*state: str) -> list[object]:
        return [row["event_id"] for row in rows(run("events", "--state", *state))]

    gone(ledger)
    assert events("abandoned") == []
    forgotten = run("handlers", "forget", "doors.audit", answer="y\n")
    assert forgotten.exit_code == 0, forgotten.output
    assert "2 events in 2 mailboxes and 1 retry wait, and will be abandoned" in forgotten.stdout
    assert forgotten.stdout.endswith("doors.audit is forgotten; 3 events abandoned\n")
    assert names(ledger) == set()
    shown = run("show", "e1", "--table")
    assert "doors.audit  abandoned" in shown.stdout
    assert "4711" not in forgotten.output + shown.output

    Deploy(ledger, Subscription("doors.log", ["*"]))
    accept(ledger, "e4")
    assert events("abandoned") == ["e3", "e2", "e1"]
    assert events("abandoned", "lock.lo*") == []
    assert events("abandoned", "--state", "accepted") == ["e4", "e3", "e2", "e1"]
    assert events("accepted") == ["e4"]


@pytest.mark.parametrize("command", [["forget", "doors.audit"], ["move", "doors.audit", "new"]])
def test_one_that_workers_have_is_left_alone_even_with_yes(
    run: Run, ledger: Ledger, command: list[str]
) -> None:
    Deploy(ledger, audit())
    Deploy(ledger, audit(), worker="w-2")
    before = _all(ledger)
    refused = run("handlers", *command, "--yes")
    assert refused.exit_code == 1
    assert "doors.audit is at work: w-1, w-2 have it" in refused.stderr
    assert _all(ledger) == before


# Move


def test_what_waits_goes_to_the_new_name(run: Run, ledger: Ledger) -> None:
    gone(ledger)
    Deploy(ledger, Subscription("doors.log", ["lock.*"]), worker="w-2")
    accept(ledger, "e4")  # to both

    moved = run("handlers", "move", "doors.audit", "doors.log", answer="y\n")
    assert moved.exit_code == 0, moved.output
    assert "doors.audit: 3 events in 2 mailboxes and 1 retry wait." in moved.stdout
    assert "doors.log: 1 event in 1 mailbox waits, behind that." in moved.stdout
    assert moved.stdout.endswith(
        "3 events moved to doors.log, 1 that it had itself; doors.audit is forgotten\n"
    )
    assert names(ledger) == {"doors.log"}
    assert mail(ledger, "doors.log") == ["e2", "e4"]
    assert mail(ledger, "doors.log", "back") == ["e3"]
    assert ledger.redis.zrange(keys.DUE, 0, -1) == [b"e1 doors.log device:front"]
    again = run("handlers", "move", "doors.audit", "doors.log", "--yes")
    assert again.exit_code == 2
    assert "no handler 'doors.audit' is subscribed; did you mean doors.log?" in again.stderr


def test_a_name_that_no_worker_has_yet_is_told_with_those_near_it(run: Run, ledger: Ledger) -> None:
    gone(ledger)
    Deploy(ledger, Subscription("doors.logs", ["device.*"]), worker="w-2")
    moved = run("handlers", "move", "doors.audit", "doors.log", "--yes")
    assert "doors.log: no worker has it yet; what comes for doors.audit is kept" in moved.stdout
    assert "(did you mean doors.logs?)" in moved.stdout
    assert names(ledger) == {"doors.log", "doors.logs"}


@pytest.mark.parametrize("workers", [True, False])
def test_a_hook_takes_no_events_and_a_handler_no_calls(
    run: Run, ledger: Ledger, workers: bool
) -> None:
    gone(ledger)
    alarm = Subscription("doors.alarm", ["*"], hook=Hook.DEAD)
    deploy = Deploy(ledger, alarm, worker="w-2")
    if not workers:
        deploy.end()
    before = _all(ledger)
    refused = run("handlers", "move", "doors.audit", "doors.alarm", "--yes")
    assert refused.exit_code == 2
    assert (
        "doors.alarm is a hook about dead letters, and doors.audit is a handler of events"
        in refused.stderr
    )
    assert _all(ledger) == before
    deploy.end()
    assert run("handlers", "move", "doors.alarm", "doors.audit", "--yes").exit_code == 2
    other = Subscription("doors.other", ["doors.*"], hook=Hook.DEAD)
    Deploy(ledger, other, worker="w-3")
    assert run("handlers", "move", "doors.alarm", "doors.other", "--yes").exit_code == 0
    assert names(ledger) == {"doors.audit", "doors.other"}


def test_what_the_new_name_does_not_match_is_told_before_the_question(
    run: Run, ledger: Ledger
) -> None:
    Deploy(ledger, audit("lock.*")).end()
    Deploy(ledger, Subscription("doors.log", ["lock.un*"]), worker="w-2")
    told = "doors.log does not match lock.access_denied, lock.locked, as doors.audit does: of "
    refused = run("handlers", "move", "doors.audit", "doors.log", answer="n\n")
    assert told in refused.stdout
    Deploy(ledger, Subscription("doors.log", ["lock.*"]), worker="w-2")
    assert "does not match" not in run("handlers", "move", "doors.audit", "doors.log").stdout


def test_what_becomes_of_a_pause_is_told_before_the_question(run: Run, ledger: Ledger) -> None:
    gone(ledger)
    ledger.pause("doors.audit")
    Deploy(ledger, Subscription("doors.log", ["*"]), worker="w-2")
    taken = run("handlers", "move", "doors.audit", "doors.log", answer="n\n")
    assert "doors.audit is paused, and doors.log is not: what waits is begun" in taken.stdout
    moved = run("handlers", "move", "doors.audit", "doors.new", "--yes")
    assert "doors.audit is paused, and so will be doors.new." in moved.stdout
    assert ledger.redis.smembers(keys.PAUSED) == {b"doors.new"}


def test_a_new_name_that_is_registered_here_is_no_misspelt_one(listed: Any, ledger: Ledger) -> None:
    Deploy(ledger, audit("lock.*"), Subscription("doors.news", ["device.*"])).end()
    moved = listed("move", "doors.audit", "doors.new", "--yes")
    assert "doors.new: no worker has it yet; what comes for doors.audit is kept" in moved.stdout
    assert "did you mean" not in moved.stdout
    assert "doors.new does not match lock.access_denied, lock.locked" in moved.stdout


def test_names_that_cannot_be_meant_are_refused(run: Run, ledger: Ledger) -> None:
    gone(ledger)
    for new, says in (("a b", "letters, digits"), ("doors.audit", "OLD and NEW are both")):
        refused = run("handlers", "move", "doors.audit", new, "--yes")
        assert refused.exit_code == 2
        assert says in refused.stderr
    assert run("handlers", "--type", "lock.*", "pause", "doors.audit").exit_code == 2
    assert names(ledger) == {"doors.audit"}


def test_mail_in_the_hands_of_a_worker_that_died_is_waited_for(run: Run, ledger: Ledger) -> None:
    deploy = Deploy(ledger, audit())
    accept(ledger, "e1", "e2")
    ledger.claim("w-1", deploy.handlers, [ClaimLimit("doors.audit", 9, 1)])
    # Its machine is gone: nobody speaks for it, and its lease has ended.
    ledger.redis.zadd(keys.ALIVE, {"w-1": 1})
    ledger.redis.zadd(keys.LEASES, {"w-1": 1})
    seconds, _ = ledger.redis.time()
    ledger.redis.set(keys.SWEPT, (seconds + 1) * 1000)
    sweep = partial(ledger.sweep, queues="rq:queue:bellhop:")
    foreman = threading.Timer(1.0, sweep)  # that of another machine
    foreman.start()

    moved = run("handlers", "move", "doors.audit", "doors.log", "--yes")
    foreman.join()
    assert moved.exit_code == 0, moved.output
    assert "waiting for mail of doors.audit that is in the hands of w-1" in moved.stderr
    assert "is gone" not in moved.stderr
    assert mail(ledger, "doors.log") == ["e1", "e2"]


def test_it_is_freed_without_a_foreman_though_nobody_takes_this_command_for_one(
    run: Run, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy = Deploy(ledger, audit())
    accept(ledger, "e1", "e2")
    ledger.claim("w-1", deploy.handlers, [ClaimLimit("doors.audit", 9, 1)])
    ledger.redis.zadd(keys.ALIVE, {"w-1": 1})
    ledger.redis.zadd(keys.LEASES, {"w-1": 1})
    ledger.redis.set(keys.SWEPT, 5)
    assert moving.forget.__kwdefaults__
    monkeypatch.setitem(moving.forget.__kwdefaults__, "pause", lambda _seconds: None)

    forgotten = run("handlers", "forget", "doors.audit", "--yes")
    assert forgotten.exit_code == 0, forgotten.output
    assert "bellhop: w-1 is gone, and so is every `bellhop worker`" in forgotten.stderr
    assert "2 events abandoned" in forgotten.stdout
    assert ledger.redis.get(keys.SWEPT) == b"5"
    assert read_condition(ledger.redis).swept_at == datetime.fromtimestamp(0.005, UTC)


def test_a_dead_letter_is_tried_again_under_the_new_name(run: Run, ledger: Ledger) -> None:
    deploy = Deploy(ledger, audit())
    accept(ledger, "e1")
    ledger.claim("w-1", deploy.handlers, [ClaimLimit("doors.audit", 9, 9)])
    given_up = SettledEntry("e1", Outcome(Kind.DEAD, '{"state": "dead", "attempts": []}'))
    done = SettledMail("doors.audit", "device:front", GiveBack.END, [given_up])
    assert ledger.settle("w-1", deploy.handlers, 1, [done]).ours
    deploy.end()
    assert run("handlers", "move", "doors.audit", "doors.log", "--yes").exit_code == 0

    assert run("dead", "retry", "--handler", "doors.audit", "--yes").exit_code == 0
    assert run("handlers", "move", "doors.audit", "doors.log", "--yes").exit_code == 0

    assert mail(ledger, "doors.log") == ["e1"]
    assert names(ledger) == {"doors.log"}
