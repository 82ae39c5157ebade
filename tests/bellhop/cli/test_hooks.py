"""How hooks, and what they did, are shown."""

import json
from typing import Any

import pytest

from bellhop import DeadLetter, QuarantinedBody
from bellhop.ledger import DeadLetters, Ledger, Quarantined
from tests.bellhop.cli.conftest import Run, rows
from tests.bellhop.cli.recorded import DEVICE, happen
from tests.workers.conftest import Workplace

HOOK = "hook:00000001"


@pytest.fixture
def workplace(ledger: Ledger) -> Workplace:
    """A worker whose handler gave e1 up, of which one hook told, and the other could not."""
    workplace = Workplace(ledger)

    @workplace.on("lock.*", name="tell", attempts=1)
    def tell(event: Any) -> None:
        raise ConnectionError("the front desk is closed")

    workplace.registry.on_dead(name="alarm")(lambda letter: None)

    @workplace.registry.on_dead(name="chat", attempts=1)
    def chat(letter: DeadLetter) -> None:
        raise RuntimeError("the chat is away")

    happen(ledger, "lock.unlocked", "e1", device_id=DEVICE)
    workplace.work()
    return workplace


@pytest.mark.usefixtures("workplace")
def test_show_says_what_hooks_did_about_an_event(run: Run) -> None:
    said = run("show", "e1", "--table").stdout
    assert "\ntell  dead\n" in said
    assert "\nalarm  done, called because tell gave up\n" in said
    assert "\nchat  dead, called because tell gave up\n" in said
    assert "RuntimeError: the chat is away" in said

    [row] = rows(run("show", "e1"))
    assert [one["handler"] for one in row["handlers"]] == ["tell"]
    assert sorted((one["gave_up"], one["handler"], one["state"]) for one in row["hooks"]) == [
        ("tell", "alarm", "done"),
        ("tell", "chat", "dead"),
    ]


@pytest.mark.usefixtures("workplace")
def test_lists_of_events_show_no_calls(run: Run) -> None:
    for command in (("events",), ("device", DEVICE), ("events", "--state", "dead")):
        assert [row["event_id"] for row in rows(run(*command))] == ["e1"]
    assert "not found" in run("show", HOOK).output


@pytest.mark.usefixtures("workplace")
def test_dead_says_what_a_hook_was_called_about(run: Run) -> None:
    table = run("dead", "--table").stdout
    assert f"{HOOK}  called about e1, which tell gave up" in table
    assert "\x7f" not in table

    [hook, event] = sorted(rows(run("dead")), key=lambda row: str(row["handler"]))
    assert (hook["event_id"], hook["handler"], hook["error"]) == (
        HOOK,
        "chat",
        "RuntimeError: the chat is away",
    )
    assert hook["called_about"] == {"kind": "dead", "event_id": "e1", "handler": "tell"}
    assert "called_about" not in event

    said = run("dead", "show", HOOK, "--table").stdout
    assert f"{HOOK}  called about e1, which tell gave up" in said
    assert said.rstrip().endswith("RuntimeError: the chat is away")


@pytest.mark.parametrize("what", [("retry",), ("drop", "--reason", "known")])
def test_a_hook_is_tried_again_or_dropped_by_the_id_that_is_shown(
    run: Run, workplace: Workplace, what: tuple[str, ...]
) -> None:
    result = run("dead", *what, HOOK, "--yes")
    assert "     1  chat  calls of a hook\n" in result.stdout
    assert [one.handler for one in DeadLetters(workplace.ledger.redis)] == ["tell"]
    workplace.work()
    left = {one.handler for one in DeadLetters(workplace.ledger.redis)}
    assert left == ({"tell", "chat"} if what == ("retry",) else {"tell"})


def test_quarantine_shows_what_hooks_did_about_a_body(run: Run, workplace: Workplace) -> None:
    @workplace.registry.on_quarantined(name="bodies", attempts=1)
    def bodies(body: QuarantinedBody) -> None:
        raise RuntimeError("the chat is away")

    workplace.runtime.subscribe()
    workplace.ledger.accept([Quarantined("msg_x", b"{}", ("event_id: is missing",))])
    workplace.work()

    assert "\nbodies  dead\n" in run("quarantine", "show", "msg_x", "--table").stdout
    [row] = rows(run("quarantine", "show", "msg_x"))
    assert [(one["handler"], one["state"]) for one in row["hooks"]] == [("bodies", "dead")]
    assert "called about msg_x in quarantine" in run("dead", "--table").stdout
    assert json.loads(run("dead", "--handler", "bodies").stdout)["called_about"] == {
        "kind": "quarantined",
        "delivery_id": "msg_x",
    }


@pytest.mark.usefixtures("workplace")
def test_an_id_that_several_begin_with_is_told_as_it_is_shown(
    run: Run, workplace: Workplace
) -> None:
    happen(workplace.ledger, "lock.unlocked", "e2", device_id=DEVICE)
    workplace.work()
    said = run("dead", "show", "hook:").output
    assert "several ids begin so: hook:00000001, hook:00000002; give more of it" in said
