"""With `in_order=True` nothing overtakes an event that is open, and dead letters come back."""

import pytest

from tests.soak.excuses import SETTLED_WITHIN
from tests.soak.histories import IN_ORDER, Story, found, good_story
from tests.soak.history import Away
from tests.soak.violation import Clause


def two_events() -> Story:
    """Return a story with two more events of a device, for the handler that is in order."""
    story = good_story()
    for event_id in ("first", "second"):
        story.accept(event_id, handlers=[IN_ORDER])
    return story


def test_later_events_follow_when_the_one_before_is_done() -> None:
    story = two_events()
    story.run("first", IN_ORDER, "failed")
    story.run("first", IN_ORDER, attempt=2)
    story.run("second", IN_ORDER)

    assert found(story) == []


def test_later_events_follow_when_the_one_before_is_dead() -> None:
    story = two_events()
    story.record("first", **{IN_ORDER: "dead"})
    story.run("first", IN_ORDER, "failed")
    story.run("second", IN_ORDER)

    assert found(story) == []


def test_no_later_event_begins_while_one_waits_for_its_retry() -> None:
    story = two_events()
    story.run("first", IN_ORDER, "failed")
    story.run("second", IN_ORDER)
    story.run("first", IN_ORDER, attempt=2)

    assert found(story) == [(Clause.TURN, ("first", "second"))]


def test_no_later_event_begins_when_a_worker_was_killed_under_one() -> None:
    story = two_events()
    story.run("first", IN_ORDER, None, pid=9)
    story.kill(9)
    story.run("second", IN_ORDER)
    story.run("first", IN_ORDER)

    assert found(story) == [(Clause.TURN, ("first", "second"))]


def test_handlers_that_are_not_in_order_and_other_devices_go_on() -> None:
    story = two_events()
    story.accept("other device", "back", handlers=[IN_ORDER])
    story.accept("failing", handlers=["left"])
    story.accept("passing", handlers=["left"])
    story.run("first", IN_ORDER, "failed")
    story.run("failing", outcome="failed")
    story.run("passing")
    story.run("other device", IN_ORDER)
    story.run("failing", attempt=2)
    story.run("first", IN_ORDER, attempt=2)
    story.run("second", IN_ORDER)

    assert found(story) == []


@pytest.mark.parametrize("outcome", ["done", "failed"])
def test_a_worker_that_was_killed_may_have_gone_on_after_what_it_had_not_written(
    outcome: str,
) -> None:
    story = two_events()
    if outcome == "failed":  # for the last time
        story.record("first", **{IN_ORDER: "dead"})
    for pid in (9, 3):
        story.run("first", IN_ORDER, outcome, pid=pid)  # type: ignore[arg-type]
        story.run("second", IN_ORDER, pid=pid)
        if pid == 9:
            story.kill(9)

    assert found(story) == []


def test_what_a_worker_without_its_lease_goes_on_with_overtakes_nothing() -> None:
    story = two_events()
    paused = story.now
    story.wait(26)
    story.run("first", IN_ORDER, "failed", pid=3)
    story.away = [Away(9, paused, story.now + 0.9, "paused")]
    story.run("second", IN_ORDER, pid=9)
    story.run("first", IN_ORDER, pid=3, attempt=2)
    story.run("second", IN_ORDER, pid=3)

    assert found(story) == []

    story.away = []
    story.wait(SETTLED_WITHIN)
    assert (Clause.TURN, ("first", "second")) in found(story)


def test_later_events_may_run_until_a_dead_letter_is_tried_again() -> None:
    story = two_events()
    story.run("first", IN_ORDER, "failed")
    story.run("second", IN_ORDER)
    story.resume("first", IN_ORDER)
    story.run("first", IN_ORDER, "failed", attempt=2)
    story.run("first", IN_ORDER, attempt=3)

    assert found(story) == []


def test_no_later_event_overtakes_a_dead_letter_that_runs_again() -> None:
    story = two_events()
    story.run("first", IN_ORDER, "failed")
    story.resume("first", IN_ORDER)
    story.run("first", IN_ORDER, "failed", attempt=2)
    story.run("second", IN_ORDER)
    story.run("first", IN_ORDER, attempt=3)

    assert found(story) == [(Clause.TURN, ("first", "second"))]


def test_a_dead_letter_of_another_handler_changes_nothing() -> None:
    story = two_events()
    story.run("first", IN_ORDER, "failed")
    story.resume("first", sure=False)
    story.run("second", IN_ORDER)
    story.run("first", IN_ORDER, attempt=2)

    assert found(story) == [(Clause.TURN, ("first", "second"))]


# Dead letters that are tried again


def test_a_dead_letter_that_is_tried_again_runs_with_the_next_attempt() -> None:
    story = good_story()
    story.resume("b2")
    story.run("b2", attempt=2)
    assert found(story) == []

    story.run("b2", attempt=2)
    assert found(story) == [(Clause.ONCE_OUT, ("b2",))]


def test_a_dead_letter_that_is_tried_again_and_never_runs_is_forgotten() -> None:
    story = good_story()
    story.resume("b2")

    assert found(story) == [(Clause.AGAIN, ("b2",))]


def test_a_dead_letter_that_was_perhaps_not_tried_again_need_not_run() -> None:
    story = good_story()
    story.resume("b2", sure=False)

    assert found(story) == []
