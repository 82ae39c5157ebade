"""The checker finds handlers that were not given what is theirs, are late, or are not told of."""

import math
from dataclasses import replace
from typing import Any

import pytest

from tests.soak.case import Case
from tests.soak.checker import check
from tests.soak.histories import Story
from tests.soak.history import Away, Broken, Doctor, Killed, Paused
from tests.soak.subscribed import IN_TIME
from tests.soak.violation import Clause, Violation, what_was_broken

NOBODY_MISSES = Doctor(1, ("parting",))


def found(story: Story, **changes: Any) -> list[tuple[Clause, tuple[str, ...]]]:
    """Return the clauses that a story breaks, with the events that do."""
    return [(one.clause, one.events) for one in check(story.history(**changes))]


# Given


def story_without(handler: str) -> Story:
    """Return a story in which an event at 1 s was given to `left`, and not to another handler."""
    story = Story()
    story.make_up("e1", handlers=["left"])
    story.deliver("e1")
    story.record("e1")
    story.sent["e1"] = replace(story.sent["e1"], handlers=("left", handler))
    story.run("e1", "left")
    return story


@pytest.mark.parametrize(
    ("since", "broken"),
    [
        (0.5, [(Clause.GIVEN, ("e1",))]),
        (1.5, []),
        (math.inf, []),
    ],
)
def test_a_handler_is_given_what_is_sent_once_it_is_subscribed(
    since: float, broken: list[object]
) -> None:
    assert found(story_without("added"), subscribed={"added": since}) == broken


def test_a_handler_that_all_versions_have_is_given_everything() -> None:
    assert found(story_without("right")) == [(Clause.HANDLED, ("e1",))]


def test_a_handler_runs_only_for_what_it_was_given() -> None:
    story = story_without("added")
    story.run("e1", "added")

    assert found(story, subscribed={"added": 90.0}) == [(Clause.INVENTED, ("e1",))]


# Renamed

RENAMED = {"renamed": {"greet": "welcome"}}


def renamed_story(*given: str) -> Story:
    """Return a story of an event that these names of a handler were given, in the end."""
    story = Story()
    story.make_up("e1", handlers=given)
    story.deliver("e1")
    story.record("e1")
    story.sent["e1"] = replace(story.sent["e1"], handlers=("greet", "welcome"))
    return story


@pytest.mark.parametrize("name", ["greet", "welcome"])
def test_either_name_of_a_handler_that_was_renamed_will_do(name: str) -> None:
    story = renamed_story(name)
    story.run("e1", name)

    assert found(story, **RENAMED) == []


def test_an_event_that_neither_name_was_given_is_lost() -> None:
    assert found(renamed_story(), **RENAMED) == [(Clause.GIVEN, ("e1",))]


def test_what_both_were_given_runs_twice() -> None:
    story = renamed_story("greet", "welcome")
    story.run("e1", "greet")
    story.run("e1", "welcome")

    assert found(story, **RENAMED) == []


def test_what_was_moved_and_then_run_again_without_a_reason_is_found() -> None:
    story = renamed_story("welcome")
    story.run("e1", "greet")
    story.run("e1", "welcome")

    assert found(story, **RENAMED) == [(Clause.ONCE_OUT, ("e1",))]

    story.killed.append(Killed(1, story.runs[0].ended or 0.0, story.runs[0].ended or 0.0))
    assert found(story, **RENAMED) == []


def test_what_was_to_be_moved_to_a_name_that_had_it_is_abandoned() -> None:
    story = renamed_story("greet", "welcome")
    story.run("e1", "welcome")
    story.record("e1", greet="abandoned", welcome="done")
    story.records["e1"] = replace(
        story.records["e1"],
        handlers={
            "greet": replace(story.records["e1"].handlers["welcome"], state="abandoned"),
            "welcome": story.records["e1"].handlers["welcome"],
        },
    )

    assert found(story, **RENAMED) == []
    del story.records["e1"].handlers["welcome"]  # type: ignore[attr-defined]
    assert (Clause.HANDLED, ("e1",)) in found(story, **RENAMED)


# In time


def late_story(wait: float) -> Story:
    """Return a story of an event that was accepted at 1.5 s, and begun so many seconds later."""
    story = Story()
    story.accept("e1", handlers=["left"])
    story.wait(wait - 0.5)
    story.run("e1", "left")
    return story


CALM = {"quick": frozenset({"left"}), "calm": ((1.0, 60.0),)}


def test_a_quick_handler_may_not_be_late_in_a_calm() -> None:
    assert found(late_story(IN_TIME + 0.5), **CALM) == [(Clause.IN_TIME, ("e1",))]
    assert found(late_story(IN_TIME - 0.5), **CALM) == []


def test_one_that_is_not_quick_may_be_late() -> None:
    assert found(late_story(IN_TIME + 0.5), calm=CALM["calm"]) == []


@pytest.mark.parametrize("calm", [(2.0, 60.0), (1.0, 6.0)])
def test_out_of_a_calm_all_may_be_late(calm: tuple[float, float]) -> None:
    assert found(late_story(IN_TIME + 0.5), quick=CALM["quick"], calm=(calm,)) == []


def test_all_may_be_late_when_a_handler_kills_its_worker() -> None:
    story = late_story(IN_TIME + 0.5)
    story.killed.append(Killed(9, 3.0, 3.0))
    assert found(story, **CALM) == []

    story.killed[-1] = Killed(9, 7.0, 7.0)
    assert found(story, **CALM) == [(Clause.IN_TIME, ("e1",))]


def test_all_may_be_late_when_the_machine_stands_still() -> None:
    story = late_story(IN_TIME + 0.5)
    story.away.append(Away(None, 3.0, 4.0, "machine"))

    assert found(story, **CALM) == []


# Told


def dead_story() -> Story:
    """Return a story with a dead letter, and a body in quarantine."""
    story = Story()
    story.make_up("e1", handlers=["left"])
    story.deliver("e1")
    story.record("e1", left="dead")
    story.run("e1", "left", "failed")
    story.quarantined.add("msg_junk")
    return story


def test_hooks_hear_of_dead_letters_and_of_what_is_in_quarantine() -> None:
    all_told = frozenset({"left e1", "msg_junk"})

    assert found(dead_story(), told=all_told, doctor=NOBODY_MISSES) == []
    assert found(dead_story(), told=frozenset({"left e1"}), doctor=NOBODY_MISSES) == [
        (Clause.TOLD, ())
    ]
    assert found(dead_story(), told=frozenset({"msg_junk"}), doctor=NOBODY_MISSES) == [
        (Clause.TOLD, ("e1",))
    ]
    assert found(dead_story(), told=frozenset(), doctor=NOBODY_MISSES, drained=False) == []


@pytest.mark.parametrize("doctor", [None, Doctor(0, ("parting",))])
def test_the_doctor_has_a_say(doctor: Doctor | None) -> None:
    all_told = frozenset({"left e1", "msg_junk"})

    assert found(dead_story(), told=all_told, doctor=doctor) == [(Clause.TOLD, ())]


# Paused


@pytest.mark.parametrize(
    ("pause", "broken"),
    [
        (Paused("left", 3.0, 60.0), [(Clause.PAUSED, ("e1",))]),
        (Paused("left", 6.0, 60.0), []),  # it had it in hand
        (Paused("left", 1.0, 5.0), []),
        (Paused("right", 3.0, 60.0), []),
    ],
)
def test_nothing_of_a_paused_handler_is_begun(pause: Paused, broken: list[object]) -> None:
    story = late_story(6.0)  # begun at 8 s

    assert found(story, paused=(pause,)) == broken


def test_a_worker_that_was_away_may_have_had_it_in_hand_for_longer() -> None:
    story = late_story(6.0)
    story.away.append(Away(1, 3.0, 7.0, "paused"))

    assert found(story, paused=(Paused("left", 3.0, 60.0),)) == []


# What was broken


def test_a_violation_is_shown_with_what_was_broken_around_it() -> None:
    story = late_story(6.0)
    history = story.history(
        broken=(Broken(1.0, "kill redis"), Broken(9.0, "stop a pool"), Broken(90.0, "pause redis"))
    )
    violation = Violation(Clause.KEPT, ("e1",), "", "it is gone")

    assert what_was_broken(Case(history), violation) == ["1.000 kill redis", "9.000 stop a pool"]
    assert what_was_broken(Case(history), replace(violation, events=())) == []
