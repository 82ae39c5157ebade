"""Histories made by chance: good ones, and single damages to them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

from hypothesis import assume
from hypothesis import strategies as st

from tests.soak.excuses import SETTLED_WITHIN
from tests.soak.histories import HANDLERS, Story
from tests.soak.history import Away, Delivery, History, Record, Run, Written
from tests.soak.violation import Clause

T = TypeVar("T")
Draw = Callable[[st.SearchStrategy[Any]], Any]
Damaged = tuple[History, set[Clause], tuple[str, ...]]
"""A damaged history, the clauses of which one is broken, and the events that break it."""

_COMES = ("once", "lost before", "unavailable before", "again", "again under another id")
_FARES = ("well", "fails", "killed under it", "killed after it", "paused", "dead")


@st.composite
def good_histories(draw: Draw) -> History:
    """Return a history in which nothing breaks the promise."""
    story = Story()
    events = [f"e{number}" for number in range(draw(st.integers(2, 12)))]
    for event_id in events:
        story.make_up(event_id, draw(st.sampled_from(["front", "back"])))
        _arrive(story, event_id, draw(st.sampled_from(_COMES)))
        story.record(event_id)
    story.make_up("junk", kind="strange")
    story.deliver("junk")
    story.quarantined.add("msg_junk")
    story.make_up("forged", kind="forged")
    story.deliver("forged", "refused")

    later: list[tuple[str, str]] = []
    for event_id in events:
        for handler in HANDLERS:
            _fare(story, event_id, handler, draw(st.sampled_from(_FARES)), later)
        while later and draw(st.booleans()):
            story.run(*later.pop(0), attempt=2)
    for again in later:
        story.run(*again, attempt=2)
    return story.history()


def _arrive(story: Story, event_id: str, how: str) -> None:
    if how == "lost before":
        story.deliver(event_id, "lost")
        story.deliver(event_id, "duplicate")
        return
    if how == "unavailable before":
        story.deliver(event_id, "unavailable")
    story.deliver(event_id)
    if how == "again":
        story.deliver(event_id, "duplicate")
    elif how == "again under another id":
        story.deliver(event_id, "duplicate", delivery_id=f"msg_other_{event_id}")


def _fare(
    story: Story, event_id: str, handler: str, how: str, later: list[tuple[str, str]]
) -> None:
    if how == "fails":
        story.run(event_id, handler, "failed")
        later.append((event_id, handler))
        return
    if how == "dead":
        story.run(event_id, handler, "failed")
        states = {name: one.state for name, one in story.records[event_id].handlers.items()}
        story.record(event_id, **{**states, handler: "dead"})
        return
    if how.startswith("killed"):
        pid = 100 + len(story.killed)
        story.run(event_id, handler, "done" if how == "killed after it" else None, pid=pid)
        story.kill(pid)
    run = story.run(event_id, handler)
    if how == "paused":
        story.wait(5)
        story.away.append(Away(run.pid, run.began + 0.1, story.now, "paused"))
        story.runs[-1] = replace(run, ended=story.now + 0.1)
        story.wait(SETTLED_WITHIN)  # pauses that follow each other at once count as one


def a_record_is_lost(draw: Draw, history: History) -> Damaged:
    """An accepted event is gone."""
    event_id = draw(st.sampled_from(sorted(history.records)))
    records = {name: one for name, one in history.records.items() if name != event_id}
    return replace(history, records=records), {Clause.KEPT}, (event_id,)


def a_handler_is_forgotten(draw: Draw, history: History) -> Damaged:
    """A handler is never called with an event."""
    event_id, handler = _some_pair(draw, history)
    record = history.records[event_id]
    written = {**record.handlers, handler: Written("accepted")}
    runs = [run for run in history.runs if (run.event_id, run.handler) != (event_id, handler)]
    records = {**history.records, event_id: Record(record.place, record.state, written)}
    damaged = replace(history, records=records).with_runs(runs)
    return damaged, {Clause.HANDLED, Clause.APART}, (event_id,)


def a_success_is_made_up(draw: Draw, history: History) -> Damaged:
    """The ledger says done, and it is not true."""
    run = _one(draw, [run for run in history.runs if run.outcome == "done"])
    same = (run.event_id, run.handler, "done")
    runs = [one for one in history.runs if (one.event_id, one.handler, one.outcome) != same]
    return history.with_runs(runs), {Clause.HANDLED}, (run.event_id,)


def an_event_is_accepted_twice(draw: Draw, history: History) -> Damaged:
    """A second delivery is taken for a new one."""
    event_id = draw(st.sampled_from(sorted(history.records)))
    again = Delivery(event_id, "msg_again", 5000.0, 5001.0, "accepted")
    deliveries = (*history.deliveries, again)
    return replace(history, deliveries=deliveries), {Clause.ONCE_IN}, (event_id,)


def an_event_is_handled_twice(draw: Draw, history: History) -> Damaged:
    """A handler is called once more, when all is over."""
    event_id, handler = _some_pair(draw, history)
    last = _runs_of(history, event_id, handler)[-1]
    again = replace(last, began=5000.0, ended=5001.0, outcome="done")
    damaged = history.with_runs([*history.runs, again])
    return damaged, {Clause.ONCE_OUT, Clause.APART}, (event_id,)


def a_kill_is_taken_back(draw: Draw, history: History) -> Damaged:
    """A repetition loses its excuse."""
    death = _one(draw, history.killed)
    killed = tuple(one for one in history.killed if one is not death)
    [event_id] = {run.event_id for run in history.runs if run.pid == death.pid}
    return replace(history, killed=killed), {Clause.ONCE_OUT, Clause.APART}, (event_id,)


def two_events_change_places(draw: Draw, history: History) -> Damaged:
    """A handler begins with the later one of two events of a device."""
    handler = draw(st.sampled_from(HANDLERS))
    first, second = _one(draw, _neighbours(history))
    early, late = (_runs_of(history, event_id, handler)[0] for event_id in (first, second))
    assume(late.outcome)
    moved = replace(late, began=early.began - 0.3, ended=early.began - 0.2)
    return _with(history, late, moved), {Clause.ORDER}, (first, second)


def two_runs_overlap(draw: Draw, history: History) -> Damaged:
    """A handler is called with an event before it is through with the one before."""
    handler = draw(st.sampled_from(HANDLERS))
    device = draw(st.sampled_from(["front", "back"]))
    line = [
        run
        for run in sorted(history.runs, key=lambda run: run.began)
        if run.handler == handler and history.sent[run.event_id].mailbox == device
    ]
    run, following = _one(draw, [pair for pair in pairwise(line) if pair[0].outcome])
    longer = replace(run, ended=following.began + 0.1)
    return _with(history, run, longer), {Clause.ALONE}, (run.event_id, following.event_id)


def a_run_has_no_end(draw: Draw, history: History) -> Damaged:
    """A worker that was not killed leaves a run without an end."""
    alive = {run.pid for run in history.runs} - {death.pid for death in history.killed}
    run = _one(draw, [run for run in history.runs if run.pid in alive])
    cut = replace(run, ended=None, outcome=None)
    return _with(history, run, cut), {Clause.EXPLAINED}, (run.event_id,)


def an_event_is_invented(draw: Draw, history: History) -> Damaged:
    """What was refused is handled."""
    run = Run(draw(st.sampled_from(HANDLERS)), "forged", 1, 1, 5000.0, 5001.0, "done")
    return history.with_runs([*history.runs, run]), {Clause.INVENTED}, ("forged",)


def a_strange_body_is_thrown_away(_draw: Draw, history: History) -> Damaged:
    """The quarantine is empty."""
    return replace(history, quarantined=frozenset()), {Clause.STRANGE}, ("junk",)


DAMAGES: Sequence[Callable[[Draw, History], Damaged]] = (
    a_record_is_lost,
    a_handler_is_forgotten,
    a_success_is_made_up,
    an_event_is_accepted_twice,
    an_event_is_handled_twice,
    a_kill_is_taken_back,
    two_events_change_places,
    two_runs_overlap,
    a_run_has_no_end,
    an_event_is_invented,
    a_strange_body_is_thrown_away,
)


def _some_pair(draw: Draw, history: History) -> tuple[str, str]:
    return draw(st.sampled_from(sorted(history.records))), draw(st.sampled_from(HANDLERS))


def _runs_of(history: History, event_id: str, handler: str) -> list[Run]:
    runs = [run for run in history.runs if (run.event_id, run.handler) == (event_id, handler)]
    return sorted(runs, key=lambda run: run.began)


def _neighbours(history: History) -> list[tuple[str, str]]:
    """Return the events of a device that come one after the other, in pairs."""
    pairs = []
    for device in ("front", "back"):
        events = [name for name in history.records if history.sent[name].mailbox == device]
        pairs += list(pairwise(events))
    return pairs


def _with(history: History, run: Run, changed: Run) -> History:
    return history.with_runs(changed if one is run else one for one in history.runs)


def _one(draw: Draw, choices: Sequence[T]) -> T:
    assume(choices)
    chosen: T = draw(st.sampled_from(choices))
    return chosen
