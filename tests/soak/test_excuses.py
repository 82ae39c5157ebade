"""An event is handled again only if its worker was killed under it, or may as well have been."""

from dataclasses import replace

import pytest

from tests.soak.excuses import RECOVERY, SETTLED_WITHIN
from tests.soak.histories import found, good_story
from tests.soak.history import Away
from tests.soak.violation import Clause


def test_an_event_is_not_handled_again_without_a_reason() -> None:
    story = good_story()
    story.run("a4", "left")

    assert found(story) == [(Clause.ONCE_OUT, ("a4",))]


def test_a_failed_attempt_may_be_followed_by_the_next_one_only() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    story.run("again", outcome="failed")
    story.run("again", attempt=1)

    assert found(story) == [(Clause.ONCE_OUT, ("again",))]


def test_a_worker_that_is_killed_at_once_may_not_have_written_what_it_did() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    story.run("again", pid=9)
    story.kill(9)
    story.run("again", pid=3)

    assert found(story) == []


def test_a_worker_that_is_killed_later_has_written_what_it_did() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    story.run("again", pid=9)
    story.wait(SETTLED_WITHIN)
    story.kill(9)
    story.run("again", pid=3)

    assert found(story) == [(Clause.ONCE_OUT, ("again",))]


@pytest.mark.parametrize("why", ["paused", "redis", "machine"])
def test_while_a_worker_cannot_write_its_time_to_do_so_stands_still(why: str) -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    ended = story.run("again", pid=9).ended
    assert ended
    story.wait(SETTLED_WITHIN)
    pid = 9 if why == "paused" else None
    story.away.append(Away(pid, ended + 0.1, story.now, why))  # type: ignore[arg-type]
    story.kill(9)
    story.run("again", pid=3)

    assert found(story) == []


def test_the_pause_of_another_worker_is_no_excuse() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    ended = story.run("again", pid=9).ended
    assert ended
    story.wait(SETTLED_WITHIN)
    story.away.append(Away(8, ended, story.now, "paused"))
    story.kill(9)
    story.run("again", pid=3)

    assert found(story) == [(Clause.ONCE_OUT, ("again",))]


def test_a_pause_within_the_lease_is_no_excuse_and_one_beyond_it_is() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    began = story.run("again", pid=9).began
    story.run("again", pid=3)
    story.wait(60)

    story.away = [Away(9, began + 0.1, began + 8, "paused")]
    assert found(story) == [(Clause.ONCE_OUT, ("again",))]
    story.away = [Away(9, began + 0.1, began + 26, "paused")]
    assert found(story) == []


def test_pauses_count_as_one_only_if_there_was_no_time_to_write_between_them() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    began = story.run("again", pid=9).began
    story.run("again", pid=3)
    story.wait(60)

    pauses = [(0.1, 5.0), (6.0, 11.0), (12.0, 17.0)]
    story.away = [Away(9, began + since, began + until, "paused") for since, until in pauses]
    assert found(story) == []
    pauses = [(0.1, 5.0), (7.0, 12.0), (14.0, 18.5)]
    story.away = [Away(9, began + since, began + until, "paused") for since, until in pauses]
    assert found(story) == [(Clause.ONCE_OUT, ("again",))]


def test_what_a_worker_without_its_lease_goes_on_with_may_be_a_repetition() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    paused = story.now
    story.wait(26)
    story.run("again", pid=3)
    story.away = [Away(9, paused, story.now + 0.9, "paused")]
    story.run("again", pid=9)

    assert found(story) == []


def test_a_handler_whose_time_was_up_when_it_was_through_may_be_tried_again() -> None:
    story = good_story()
    story.accept("late", handlers=["left"])
    run = story.run("late")
    story.runs[-1] = replace(run, ended=run.began + 9.95)
    story.wait(10)
    story.run("late", attempt=2)

    assert found(story) == []


def test_a_worker_finds_redis_again_some_time_after_it_is_back() -> None:
    story = good_story()
    story.accept("again", handlers=["left"])
    ended = story.run("again", pid=9).ended
    assert ended
    story.away.append(Away(None, ended + 0.1, ended + 0.2, "redis"))
    story.wait(SETTLED_WITHIN + RECOVERY - 1.5)
    story.kill(9)
    story.run("again", pid=3)

    assert found(story) == []
