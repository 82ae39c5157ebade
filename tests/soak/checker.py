"""Decide, from a history, whether each clause of the promise was kept.

Everything here is a pure function of a `History`. A clause is a function that yields what breaks
it; each violation names the events, so that their lines can be found in the files.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.soak.case import Case
from tests.soak.history import FINE, UNSURE, Delivery, History, Run
from tests.soak.subscribed import given, in_time, paused, told
from tests.soak.turns import overtakings
from tests.soak.violation import Clause, Violation, described

_DONE = ("done", "dropped")


def check(history: History) -> list[Violation]:
    """Return every violation of every clause, clause after clause; none if all were kept."""
    case = Case(history)
    return [violation for clause in _CLAUSES for violation in clause(case)]


def _kept(case: Case) -> Iterator[Violation]:
    for event_id in case.accepted:
        if case.history.sent[event_id].kind != "event" or event_id in case.history.records:
            continue
        yield Violation(Clause.KEPT, (event_id,), "", "answered 2xx, and the ledger has no record")


def _once_in(case: Case) -> Iterator[Violation]:
    for event_id, deliveries in case.deliveries.items():
        accepted = [one for one in deliveries if one.answer == "accepted"]
        if len(accepted) > 1:
            yield Violation(Clause.ONCE_IN, (event_id,), "", f"accepted {len(accepted)} times")
        elif accepted and case.accepted[event_id] < accepted[0].sent:
            what = "accepted again, when it had been answered 2xx before"
            yield Violation(Clause.ONCE_IN, (event_id,), "", what)
        for one in deliveries:
            if one.answer == "duplicate" and not _came_before(case, one):
                what = "called a duplicate, when it had not come before"
                yield Violation(Clause.ONCE_IN, (event_id,), "", what)


def _came_before(case: Case, duplicate: Delivery) -> bool:
    """Say whether another delivery may have brought it, or Redis broke off while this one did.

    The receiver then asks again, and what the first call accepted is a duplicate to the second.
    """
    return any(
        other.answer in (*FINE, *UNSURE) and other.sent < duplicate.answered
        for other in case.deliveries[duplicate.event_id]
        if other is not duplicate
    ) or case.excuses.redis_was_away(duplicate.sent, duplicate.answered)


def _handled(case: Case) -> Iterator[Violation]:
    for event_id in case.accepted:
        record = case.history.records.get(event_id)
        if record is None:
            continue
        for handler in case.history.sent[event_id].handlers:
            written = record.handlers.get(handler)
            if written is None and handler in case.history.comes_and_goes:
                continue  # whether it was to be given to it is another clause
            runs = case.runs.get((event_id, handler), [])
            state = written.state if written else "open"
            if written and state in _DONE:
                if not any(run.outcome == "done" for run in runs):
                    what = "the ledger says done, but it never came to its end"
                    yield Violation(Clause.HANDLED, (event_id,), handler, what)
            elif written and state == "dead":
                if not written.error:
                    yield Violation(Clause.HANDLED, (event_id,), handler, "dead without a reason")
                elif not written.error.startswith("worker died") and not any(
                    run.outcome == "failed" for run in runs
                ):
                    what = "dead, but it never failed"
                    yield Violation(Clause.HANDLED, (event_id,), handler, what)
            elif _is_anothers(case, event_id, handler, state):
                pass
            elif case.history.drained:
                apart = not runs and case.another_failed(event_id, handler, float("inf"))
                clause = Clause.APART if apart else Clause.HANDLED
                what = f"neither done nor dead, but {state} after {len(runs)} runs"
                yield Violation(clause, (event_id,), handler, what)


def _is_anothers(case: Case, event_id: str, handler: str, state: str) -> bool:
    """Say whether it was to be moved to the handler's other name, which had it already."""
    names = case.history.names_that_change
    given_to = case.history.records[event_id].handlers.keys()
    return state == "abandoned" and handler in names and bool((names - {handler}) & given_to)


def _once_out(case: Case) -> Iterator[Violation]:
    for (event_id, handler), runs in case.runs.items():
        if event_id not in case.history.sent:
            continue
        for run, following in pairwise(runs):
            if case.excuses.repetition(run, following):
                continue
            apart = run.outcome == "done" and case.another_failed(
                event_id, handler, following.began
            )
            what = f"{described(run)} was followed by {described(following)}"
            clause = Clause.APART if apart else Clause.ONCE_OUT
            yield Violation(clause, (event_id,), handler, what)


def _order(case: Case) -> Iterator[Violation]:
    """In the order that the ledger says, which must be the order that senders have seen.

    A handler that was renamed is given what waits under its other name when it had later ones.
    """
    for events in case.mailboxes():
        yield from _order_of_acceptance(case, events)
        handlers = {name for one in events for name in case.history.sent[one].handlers}
        for handler in handlers - case.history.names_that_change:
            yield from _order_of_handling(case, events, handler)


def _order_of_acceptance(case: Case, events: list[str]) -> Iterator[Violation]:
    latest, sent = "", 0.0
    for event_id in events:
        if case.accepted.get(event_id, float("inf")) < sent:
            what = "the first was sent when the second had been accepted, and stands before it"
            yield Violation(Clause.ORDER, (latest, event_id), "", what)
        deliveries = case.deliveries.get(event_id)
        if deliveries and deliveries[0].sent > sent:
            latest, sent = event_id, deliveries[0].sent


def _order_of_handling(case: Case, events: list[str], handler: str) -> Iterator[Violation]:
    latest, began = "", 0.0
    for event_id in events:
        if not (runs := case.runs.get((event_id, handler))):
            continue
        if runs[0].began < began:
            what = f"the second began {began - runs[0].began:.3f} s before the first"
            yield Violation(Clause.ORDER, (latest, event_id), handler, what)
        else:
            latest, began = event_id, runs[0].began


def _turns(case: Case) -> Iterator[Violation]:
    for events in case.mailboxes():
        for handler in case.history.in_order:
            line = [case.runs.get((event_id, handler), []) for event_id in events]
            for run, following, between in overtakings(line, case.history.resumed, case.excuses):
                what = f"{described(between)} between {described(run)} and {described(following)}"
                yield Violation(Clause.TURN, (run.event_id, between.event_id), handler, what)


def _again(case: Case) -> Iterator[Violation]:
    """Unless workers died under it before the handler began, which is how it may end, too."""
    for resumed in case.history.resumed:
        event_id, handler = resumed.event_id, resumed.handler
        record = case.history.records.get(event_id)
        written = record.handlers.get(handler) if record else None
        if not resumed.sure or (written and written.error.startswith("worker died")):
            continue
        runs = case.runs.get((event_id, handler), ())
        if case.history.drained and not any(run.began >= resumed.since for run in runs):
            what = f"tried again at {resumed.since:.3f}, and has not run since"
            yield Violation(Clause.AGAIN, (event_id,), handler, what)


def _alone(case: Case) -> Iterator[Violation]:
    lines: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in case.history.runs:
        if run.event_id in case.history.sent:
            lines[case.history.sent[run.event_id].mailbox, run.handler].append(run)
    for (_, handler), runs in lines.items():
        runs.sort(key=lambda run: run.began)
        latest: tuple[Run, float] | None = None
        for run in runs:
            if latest and run.began < latest[1]:
                before = latest[0]
                if not case.excuses.adrift(before) and not case.excuses.adrift(run):
                    what = f"{described(before)} was not over when {described(run)} began"
                    yield Violation(Clause.ALONE, (before.event_id, run.event_id), handler, what)
            ended = _end(case, run)
            if ended is not None and (latest is None or ended > latest[1]):
                latest = (run, ended)


def _end(case: Case, run: Run) -> float | None:
    if run.ended is not None:
        return run.ended
    death = case.excuses.death(run)
    return death.since if death else None


def _strange(case: Case) -> Iterator[Violation]:
    for event_id, deliveries in case.deliveries.items():
        if case.history.sent[event_id].kind != "strange":
            continue
        for one in deliveries:
            if one.answer in FINE and one.delivery_id not in case.history.quarantined:
                what = f"answered 2xx ({one.delivery_id}), and is not in quarantine"
                yield Violation(Clause.STRANGE, (event_id,), "", what)


def _invented(case: Case) -> Iterator[Violation]:
    for event_id in case.history.records:
        if not _may_be_accepted(case, event_id, float("inf")):
            yield Violation(Clause.INVENTED, (event_id,), "", "the ledger has a record of it")
    for (event_id, handler), runs in case.runs.items():
        if not _may_be_accepted(case, event_id, runs[0].began):
            yield Violation(Clause.INVENTED, (event_id,), handler, described(runs[0]))
        elif handler not in case.history.sent[event_id].handlers:
            yield Violation(Clause.INVENTED, (event_id,), handler, "the handler does not match it")
        elif (
            event_id in case.history.records
            and handler not in case.history.records[event_id].handlers
        ):
            yield Violation(
                Clause.INVENTED, (event_id,), handler, "it was not given to the handler"
            )


def _may_be_accepted(case: Case, event_id: str, by: float) -> bool:
    sent = case.history.sent.get(event_id)
    return (
        sent is not None
        and sent.kind == "event"
        and any(
            one.answer in (*FINE, *UNSURE) and one.sent < by
            for one in case.deliveries.get(event_id, ())
        )
    )


def _explained(case: Case) -> Iterator[Violation]:
    for run in case.history.runs:
        if run.ended is None and case.history.drained:
            if case.excuses.death(run) or case.excuses.adrift(run):
                continue
            what = f"{described(run)}, and its worker was not killed"
            yield Violation(Clause.EXPLAINED, (run.event_id,), run.handler, what)


_CLAUSES: tuple[Callable[[Case], Iterator[Violation]], ...] = (
    _kept,
    _once_in,
    given,
    _handled,
    _once_out,
    in_time,
    _order,
    _turns,
    _again,
    _alone,
    _strange,
    told,
    paused,
    _invented,
    _explained,
)
