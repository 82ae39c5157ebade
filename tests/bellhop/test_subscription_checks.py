"""What `bellhop doctor` makes of handlers without workers, of paused ones, and of a deploy."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from bellhop.finding import Finding, Level
from bellhop.ledger import LiveSet, Subscribed
from bellhop.subscription_checks import judge_deploy, judge_subscriptions

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def handler(
    name: str = "audit",
    *,
    seen: float = 0,
    workers: tuple[str, ...] = (),
    mailboxes: int = 0,
    paused: bool = False,
) -> Subscribed:
    return Subscribed(name, ("*",), ago(9999), ago(seen), workers, mailboxes, paused, None)


def judged(*found: Subscribed, oldest: Mapping[str, datetime] | None = None) -> list[Finding]:
    return list(judge_subscriptions(found, oldest or {}, NOW))


def live(
    minutes: float, worker: str, *handlers: str, pattern: str = "*", only: tuple[str, ...] = ()
) -> LiveSet:
    return LiveSet(ago(minutes), dict.fromkeys(handlers, ((pattern,), None)), (worker,), only)


def test_handlers_that_workers_have_are_well() -> None:
    without, paused = judged(handler(workers=("w",), mailboxes=3))
    assert (without.level, without.text) == (Level.OK, "handlers without a worker: 0")
    assert (paused.level, paused.text) == (Level.OK, "paused handlers: 0")
    assert without.remedy == paused.remedy == ""


@pytest.mark.parametrize(
    ("seen", "came", "level"),
    [
        (5, None, Level.WARNING),
        (600, None, Level.WARNING),
        (600, 9, Level.WARNING),
        (600, 11, Level.PROBLEM),
        (9, 600, Level.WARNING),  # it was tried before
        (11, 600, Level.PROBLEM),
    ],
)
def test_one_without_a_worker_is_a_problem_when_mail_waited_for_ten_minutes(
    seen: float, came: float | None, level: Level
) -> None:
    found = handler(seen=seen, mailboxes=2 if came else 0)
    without, _ = judged(found, oldest={"audit": ago(came)} if came else {})
    assert without.level is level
    assert without.text.startswith("handlers without a worker: 1 (audit for ")
    assert ("2 mailboxes wait" in without.text) is (came is not None)
    assert "bellhop handlers move OLD NEW" in without.remedy
    assert without.measured["handlers"] == [
        {
            "handler": "audit",
            "last_seen": ago(seen),
            "mailboxes": 2 if came else 0,
            "oldest": ago(came) if came else None,
        }
    ]


@pytest.mark.parametrize(
    ("seen", "registered", "moved"),
    [(3, [], True), (3, ["audit"], False), (1, [], False), (1, ["audit"], False)],
)
def test_nobody_is_told_to_forget_a_handler_of_this_directory_or_one_that_just_stopped(
    seen: float, registered: list[str], moved: bool
) -> None:
    without, _ = judge_subscriptions([handler(seen=seen)], {}, NOW, registered)
    assert without.level is Level.WARNING
    assert ("bellhop handlers forget OLD" in without.remedy) is moved
    assert without.remedy.startswith("start workers that have them")


def test_a_few_are_named_those_first_whose_mail_is_stuck() -> None:
    many = [handler(f"h{number}", seen=60, mailboxes=number // 4) for number in range(5)]
    without, _ = judged(*many, oldest={"h4": ago(30)})
    assert without.text == (
        "handlers without a worker: 5 (h4 for 60 min, 1 mailbox waits; h0 for 60 min; "
        "h1 for 60 min …)"
    )


def test_handlers_of_this_directory_that_no_worker_ever_had_are_told_once_workers_have_some() -> (
    None
):
    none, _ = judge_subscriptions([], {}, NOW, ["audit", "crm.tell"])
    assert (none.level, none.count) == (Level.OK, 0)
    some, _ = judge_subscriptions([handler("audit", workers=("w",))], {}, NOW, ["audit", "crm"])
    assert (some.level, some.count) == (Level.WARNING, 1)
    assert some.text == (
        "handlers without a worker: 1 (crm, which is given nothing before one has it)"
    )
    assert some.remedy == "start workers that have them"
    assert some.measured["handlers"] == [
        {"handler": "crm", "last_seen": None, "mailboxes": 0, "oldest": None}
    ]


def test_paused_ones_are_told_of_when_mail_waits() -> None:
    _, quiet = judged(handler(workers=("w",), paused=True))
    assert (quiet.level, quiet.text, quiet.count) == (Level.OK, "paused handlers: 1 (audit)", 1)
    _, full = judged(handler(workers=("w",), paused=True, mailboxes=2), oldest={"audit": ago(30)})
    assert full.level is Level.WARNING
    assert full.text == "paused handlers: 1 (audit, 2 mailboxes wait since 30 min)"
    assert full.remedy == "have them go on: bellhop handlers resume NAME"


def test_a_deploy_that_did_not_finish_is_told_with_what_differs() -> None:
    finding = judge_deploy([live(900, "old-1", "a", "b"), live(25, "new-1", "a", "c")], NOW)
    assert finding.level is Level.WARNING
    assert finding.text == (
        "workers differ since 25 min: b is in 1 of 2, such as old-1; c is in 1 of 2, such as new-1"
    )
    assert finding.measured["differs"] == ["b", "c"]
    changed = judge_deploy([live(900, "old-1", "a", pattern="lock.*"), live(25, "new-1", "a")], NOW)
    assert "a has other patterns or another limit in old-1" in changed.text


@pytest.mark.parametrize(
    "sets",
    [
        [],
        [live(900, "w", "a")],
        [live(900, "old-1", "a"), live(9, "new-1", "a", "b")],  # it is under way
        [live(900, "one", "a"), live(900, "other", "b")],  # another program
        [live(900, "all", "a", "b.x"), live(900, "some", "b.x", only=("b.*",))],
        [
            live(900, "some", "a", "b", only=("a", "b")),
            live(900, "more", "b", "c", only=("b", "c")),
        ],
    ],
)
def test_other_workers_are_alike(sets: list[LiveSet]) -> None:
    finding = judge_deploy(sets, NOW)
    assert (finding.level, finding.text) == (Level.OK, "workers are alike")
    assert finding.measured["sets"] == []


def test_a_worker_that_lacks_what_it_is_to_take_differs_though_it_takes_some_only() -> None:
    """As does an old version of it, beside others that were restarted."""
    sets = [
        live(900, "old", "crm.a", only=("crm.*",)),
        live(900, "new", "crm.a", "crm.b", only=("crm.*",)),
        live(900, "rest", "audit", only=("audit",)),
    ]
    finding = judge_deploy(sets, NOW)
    assert finding.text == "workers differ since 15 h: crm.b is in 1 of 2, such as new"
