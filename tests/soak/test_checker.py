"""The checker finds what breaks the promise, by its name, and nothing where nothing does."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.soak.checker import check
from tests.soak.histories import found, good_story
from tests.soak.history import Away, Delivery, Killed, Run, Written, load, save
from tests.soak.violation import Clause, Violation


def test_a_history_in_which_much_goes_wrong_but_nothing_that_may_not_is_fine() -> None:
    assert check(good_story().history()) == []


def test_a_history_is_judged_the_same_when_it_was_kept_in_files(tmp_path: Path) -> None:
    history = good_story().history()

    save(history, tmp_path)

    assert load(tmp_path) == history


def test_a_violation_names_the_clause_the_events_the_handler_and_what_happened() -> None:
    one = Violation(Clause.ORDER, ("a1", "a2"), "audit", "the second began first")

    assert str(one) == "in order for a device: a1 a2 [audit]: the second began first"


# Accepted means kept


def test_an_accepted_event_of_which_the_ledger_has_no_record_is_lost() -> None:
    story = good_story()
    story.make_up("gone")
    story.deliver("gone")

    assert found(story) == [(Clause.KEPT, ("gone",))]


@pytest.mark.parametrize("answer", ["lost", "unavailable", "unreached"])
def test_an_event_that_was_never_answered_2xx_need_not_be_kept(answer: str) -> None:
    story = good_story()
    story.make_up("gone")
    story.deliver("gone", answer)  # type: ignore[arg-type]

    assert found(story) == []


# Once in


def test_an_event_may_not_be_accepted_twice() -> None:
    story = good_story()
    story.deliver("a2", "accepted", delivery_id="msg_other")

    assert found(story) == [(Clause.ONCE_IN, ("a2",))]


def test_an_event_may_not_be_accepted_after_it_was_called_a_duplicate() -> None:
    story = good_story()
    story.deliver("a1", "accepted")

    assert found(story) == [(Clause.ONCE_IN, ("a1",))]


def test_an_event_that_comes_for_the_first_time_is_no_duplicate() -> None:
    story = good_story()
    story.make_up("new")
    story.deliver("new", "duplicate")
    story.record("new")
    story.handle("new")

    assert found(story) == [(Clause.ONCE_IN, ("new",))]

    was = story.deliveries[-1]
    story.away.append(Away(None, was.sent + 0.1, was.sent + 0.2, "redis"))
    assert found(story) == []


# At least once out


@pytest.mark.parametrize("state", ["retrying", "accepted"])
def test_what_is_open_when_all_had_the_time_to_end_is_not_handled(state: str) -> None:
    story = good_story()
    story.accept("open")
    story.record("open", left=state)
    story.run("open", "right")

    assert found(story) == [(Clause.HANDLED, ("open",))]
    assert check(story.history(drained=False)) == []


def test_what_the_ledger_calls_done_must_have_come_to_its_end() -> None:
    story = good_story()
    story.accept("never")
    story.run("never", "left")
    story.run("never", "right", None)
    story.kill()

    assert found(story) == [(Clause.HANDLED, ("never",))]


@pytest.mark.parametrize(
    "written", [Written("dead", ""), Written("dead", "ValueError")], ids=["no reason", "no failure"]
)
def test_a_dead_letter_has_a_reason_that_is_true(written: Written) -> None:
    story = good_story()
    story.accept("dead")
    story.handle("dead")
    record = story.records["dead"]
    story.records["dead"] = replace(record, handlers={**record.handlers, "left": written})

    assert found(story) == [(Clause.HANDLED, ("dead",))]


def test_an_event_under_which_workers_died_may_be_dead_without_a_failure() -> None:
    story = good_story()
    story.accept("poison", handlers=["left"])
    for pid in (11, 12, 13):
        story.run("poison", outcome=None, pid=pid)
        story.kill(pid)
    record = story.records["poison"]
    died = Written("dead", "worker died: 3 workers ended under it")
    story.records["poison"] = replace(record, handlers={"left": died})

    assert found(story) == []


# Handlers are apart


def test_one_handlers_failure_does_not_repeat_anothers_success() -> None:
    story = good_story()
    story.run("a3", "right")

    assert found(story) == [(Clause.APART, ("a3",))]


def test_one_handlers_failure_does_not_keep_another_from_its_turn() -> None:
    story = good_story()
    story.accept("stopped")
    story.record("stopped", right="open")
    story.run("stopped", "left", "failed")
    story.run("stopped", "left", attempt=2)

    assert found(story) == [(Clause.APART, ("stopped",))]


# In order for a device


def test_a_handler_begins_a_devices_events_in_the_order_accepted() -> None:
    story = good_story()
    story.accept("early")
    story.accept("late")
    story.handle("late", "early")

    assert found(story) == [(Clause.ORDER, ("early", "late"))] * 2


def test_events_of_two_devices_have_no_order() -> None:
    story = good_story()
    story.accept("early")
    story.accept("late", "back")
    story.handle("late", "early")

    assert found(story) == []


def test_the_ledgers_order_is_the_one_that_the_senders_saw() -> None:
    story = good_story()
    story.accept("early")
    story.accept("late")
    early, late = story.records["early"], story.records["late"]
    story.records |= {
        "early": replace(early, place=late.place),
        "late": replace(late, place=early.place),
    }
    story.handle("late", "early")

    assert found(story) == [(Clause.ORDER, ("late", "early"))]


def test_deliveries_that_were_under_way_together_may_be_accepted_in_any_order() -> None:
    story = good_story()
    for event_id in ("one", "other"):
        story.accept(event_id)
    first, second = story.deliveries[-2:]
    story.deliveries[-2:] = [replace(first, answered=second.sent + 0.2), second]
    one, other = story.records["one"], story.records["other"]
    story.records |= {
        "one": replace(one, place=other.place),
        "other": replace(other, place=one.place),
    }
    story.handle("other", "one")

    assert found(story) == []


def test_a_handler_sees_one_event_of_a_device_at_a_time() -> None:
    story = good_story()
    story.accept("long", handlers=["left"])
    story.accept("next", handlers=["left"])
    run = story.run("long")
    story.runs[-1] = replace(run, ended=run.began + 1.1)
    story.run("next", pid=4)

    assert found(story) == [(Clause.ALONE, ("long", "next"))]


def test_a_run_is_over_when_its_worker_is_killed_and_not_before() -> None:
    story = good_story()
    story.accept("long", handlers=["left"])
    run = story.run("long", outcome=None, pid=9)
    story.killed.append(Killed(9, run.began + 1.1, run.began + 1.2))
    story.run("long", pid=4)

    assert found(story) == [(Clause.ALONE, ("long", "long"))]


# Nothing for being strange, nothing out of thin air


def test_a_signed_body_that_is_no_event_is_in_quarantine() -> None:
    story = good_story()
    story.quarantined.clear()

    assert found(story) == [(Clause.STRANGE, ("junk",))]


@pytest.mark.parametrize("kind", ["forged", "strange"])
def test_what_is_no_accepted_event_is_not_handled(kind: str) -> None:
    story = good_story()
    story.run("forged" if kind == "forged" else "junk")

    assert {clause for clause, _ in found(story)} == {Clause.INVENTED}


def test_an_event_that_was_refused_is_not_handled() -> None:
    story = good_story()
    story.make_up("refused")
    story.deliver("refused", "refused")
    story.handle("refused")

    assert found(story) == [(Clause.INVENTED, ("refused",))] * 2


def test_an_event_that_nobody_sent_is_neither_kept_nor_handled() -> None:
    story = good_story()
    story.run("dream")
    story.records["dream"] = replace(story.records["a1"], place=99)

    assert found(story) == [(Clause.INVENTED, ("dream",))] * 2


def test_an_event_is_not_handled_before_it_was_sent() -> None:
    story = good_story()
    story.make_up("soon", handlers=["left"])
    story.run("soon")
    story.deliver("soon")
    story.record("soon")

    assert found(story) == [(Clause.INVENTED, ("soon",))]


def test_an_event_whose_answer_was_lost_may_be_handled() -> None:
    story = good_story()
    story.make_up("perhaps")
    story.deliver("perhaps", "lost")
    story.record("perhaps")
    story.handle("perhaps")

    assert found(story) == []


def test_a_handler_that_does_not_match_is_not_called() -> None:
    story = good_story()
    story.accept("left only", handlers=["left"])
    story.handle("left only")
    story.run("left only", "right")

    assert found(story) == [(Clause.INVENTED, ("left only",))]


def test_a_run_without_an_end_needs_a_worker_that_was_killed() -> None:
    story = good_story()
    story.accept("vanished", handlers=["left"])
    story.record("vanished", left="dead")
    story.run("vanished", outcome="failed")
    story.runs.append(Run("left", "vanished", 2, 1, story.now + 1))

    assert found(story) == [(Clause.EXPLAINED, ("vanished",))]


def test_only_what_was_sent_counts_as_delivered() -> None:
    story = good_story()
    story.make_up("ghost")
    story.deliveries.append(Delivery("ghost", "msg_ghost", 1.0, 2.0, "unreached"))
    story.record("ghost", left="done", right="done")
    story.handle("ghost")

    assert (Clause.INVENTED, ("ghost",)) in found(story)
