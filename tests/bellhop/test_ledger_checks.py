"""What `bellhop doctor` makes of a ledger and its workers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bellhop.finding import Finding, Level
from bellhop.ledger import Condition
from bellhop.ledger_checks import judge_ledger, judge_workers

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
WELL = Condition(
    now=NOW,
    swept_at=NOW,
    mailboxes_ready=0,
    unrouted=0,
    oldest_mail=None,
    retries=0,
    oldest_due=None,
    dead=0,
    quarantined=0,
    drift=0,
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def worst(condition: Condition) -> tuple[Level, str]:
    """Return the level and the text of the only finding that is not good."""
    (found,) = [one for one in judge_ledger(condition) if one.level is not Level.OK]
    assert found.remedy
    return found.level, found.text


def test_a_ledger_that_is_well_gives_no_advice() -> None:
    findings = list(judge_ledger(WELL))
    assert {finding.level for finding in findings} == {Level.OK}
    assert {finding.remedy for finding in findings} == {""}


@pytest.mark.parametrize(
    ("condition", "level", "words"),
    [
        (replace(WELL, swept_at=None), Level.PROBLEM, "no foreman was ever alive"),
        (replace(WELL, swept_at=ago(600)), Level.PROBLEM, "no foreman was alive for 10 min"),
        (replace(WELL, oldest_mail=ago(61)), Level.WARNING, "the oldest event came 61 s ago"),
        (replace(WELL, oldest_mail=ago(7300)), Level.PROBLEM, "the oldest event came 2 h ago"),
        (
            replace(WELL, retries=7, oldest_due=ago(30)),
            Level.WARNING,
            "retries waiting: 7, one was due 30 s ago",
        ),
        (replace(WELL, dead=1200, oldest_dead=ago(3600)), Level.WARNING, "dead letters: 1,200"),
        (
            replace(WELL, dead=1, oldest_dead=ago(7201)),
            Level.PROBLEM,
            "dead letters: 1, the oldest since 2 h",
        ),
        (replace(WELL, quarantined=2), Level.PROBLEM, "bodies in quarantine: 2"),
        (replace(WELL, drift=3), Level.WARNING, "kinds of drift: 3"),
    ],
)
def test_what_is_not_well_is_told_with_what_to_do(
    condition: Condition, level: Level, words: str
) -> None:
    found, text = worst(condition)
    assert found is level
    assert words in text


def test_retries_and_mail_of_now_are_no_worry() -> None:
    condition = replace(WELL, retries=7, oldest_due=ago(-3600), oldest_mail=ago(2))
    assert {finding.level for finding in judge_ledger(condition)} == {Level.OK}


def test_without_workers_nothing_runs() -> None:
    assert judge_workers(["a", "b"], WELL) == Finding(Level.OK, "workers alive: 2")
    none = judge_workers([], replace(WELL, swept_at=ago(60)))
    assert none.level is Level.PROBLEM
    assert none.text == "no worker is alive: events are kept, and no handler runs"
    assert judge_workers([], replace(WELL, swept_at=None)) == none


def test_workers_that_start_and_end_again_are_told_by_the_foreman_beside_them() -> None:
    ending = judge_workers([], replace(WELL, swept_at=ago(2)))
    assert ending.level is Level.PROBLEM
    assert "workers start and end again, or all were stopped" in ending.text
    assert "see the log of bellhop worker for why they end" in ending.remedy
