"""`bellhop doctor` on handlers that no worker has, that are paused, or that a deploy left."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bellhop import Registry
from bellhop.ledger import HandlerSet, Ledger, Subscription, keys, read_condition
from tests.bellhop.cli.conftest import Run
from tests.bellhop.ledger.conftest import arrival

HOUR = 3_600_000


@pytest.fixture(autouse=True)
def _a_place_with_handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"handlers_of_{tmp_path.name}"  # of its own: a module is loaded once
    (tmp_path / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("BELLHOP_HANDLERS", name)
    monkeypatch.setattr("bellhop.cli.doctor.registry", Registry())  # without those of other tests


def now_ms(ledger: Ledger) -> int:
    seconds, _ = ledger.redis.time()
    return int(seconds) * 1000


def begin(ledger: Ledger, worker: str, *handlers: str, ago: int = 0, pattern: str = "*") -> None:
    """Let a worker come so long ago (ms), for which its pool spoke just now."""
    told = HandlerSet([Subscription(name, [pattern]) for name in handlers])
    now = now_ms(ledger)
    ledger.subscribe(worker, told, now_ms=now - ago)
    ledger.sweep(queues="rq:queue:bellhop:", alive=[worker], now_ms=now)


def accept(ledger: Ledger, event_id: str, *, ago: int = 0) -> None:
    ledger.accept([arrival(event_id)], now_ms=now_ms(ledger) - ago)


def examined(run: Run) -> tuple[int, dict[str, dict[str, Any]]]:
    result = run("doctor", "--json")
    return result.exit_code, {
        row["check"]: row for row in map(json.loads, result.stdout.splitlines())
    }


def test_mail_that_waits_for_a_handler_that_no_worker_has_makes_the_exit_code_1(
    run: Run, ledger: Ledger
) -> None:
    begin(ledger, "w", "old", ago=HOUR)
    begin(ledger, "v", "new", ago=HOUR, pattern="device.*")
    assert examined(run)[0] == 0
    ledger.sweep(queues="rq:queue:bellhop:", alive=["v"], dead={"w": ""}, now_ms=now_ms(ledger))
    accept(ledger, "e1", ago=HOUR)

    ledger.redis.zadd(keys.SEEN, {"old": now_ms(ledger) - 60_000})
    code, found = examined(run)
    assert found["subscriptions"]["state"] == "warning"
    [old] = found["subscriptions"]["handlers"]
    assert (old["handler"], old["mailboxes"]) == ("old", 1)

    ledger.redis.zadd(keys.SEEN, {"old": now_ms(ledger) - 11 * 60_000})
    code, found = examined(run)
    assert (code, found["subscriptions"]["state"]) == (1, "problem")
    said = " ".join(run("doctor", "--table").stdout.split())
    assert "problem handlers without a worker: 1 (old for 11 min, 1 mailbox waits)" in said
    assert "bellhop handlers move OLD NEW, or bellhop handlers forget OLD" in said


def test_a_paused_handler_with_mail_is_a_warning_and_its_mail_no_reason_for_more_workers(
    run: Run, ledger: Ledger
) -> None:
    begin(ledger, "w", "one")
    ledger.pause("one")
    accept(ledger, "e1", ago=HOUR)

    code, found = examined(run)

    assert code == 0
    assert found["paused"]["state"] == "warning"
    assert found["paused"]["handlers"][0]["mailboxes"] == 1
    assert found["mail"]["state"] == "ok"
    ledger.pause("one", resume=True)
    code, found = examined(run)
    assert (code, found["paused"]["state"], found["mail"]["state"]) == (1, "ok", "problem")


def test_a_deploy_that_did_not_finish_is_a_warning(run: Run, ledger: Ledger) -> None:
    begin(ledger, "w-old", "one", "two", ago=HOUR)
    begin(ledger, "w-new", "one", "three", ago=5 * 60_000)
    assert examined(run)[1]["deploy"]["state"] == "ok"
    ledger.sweep(queues="rq:queue:bellhop:", dead={"w-new": ""}, alive=["w-old"])
    begin(ledger, "w-new", "one", "three", ago=15 * 60_000)

    code, found = examined(run)

    assert code == 0
    deploy = found["deploy"]
    assert (deploy["state"], deploy["differs"]) == ("warning", ["three", "two"])
    assert [one["workers"] for one in deploy["sets"]] == [["w-old"], ["w-new"]]


@pytest.mark.parametrize(("minutes", "state"), [(5, "warning"), (11, "problem")])
def test_what_came_before_the_first_worker_is_told(
    run: Run, ledger: Ledger, minutes: int, state: str
) -> None:
    accept(ledger, "e1", ago=minutes * 60_000)
    _, found = examined(run)
    assert (found["unrouted"]["state"], found["unrouted"]["count"]) == (state, 1)
    begin(ledger, "w", "one")
    assert examined(run)[1]["unrouted"]["state"] == "ok"
    condition = read_condition(ledger.redis)
    assert condition.oldest_mail
    assert condition.now - condition.oldest_mail >= timedelta(minutes=minutes)
