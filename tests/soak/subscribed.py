"""The clauses about handlers that come and go, hang, are paused, and of what is told to hooks."""

from collections.abc import Iterator

from tests.soak.case import Case
from tests.soak.violation import Clause, Violation, described

IN_TIME = 5.0
"""Seconds in which a quick handler has begun when nothing is broken: less than others hang for."""

_SOON = 0.1
"""Seconds by which Redis, which says since when a handler is subscribed, may be off."""

_RESTARTED = 10.0
"""Seconds after a worker's death until another has its place, and what it held is free."""

_IN_HAND = 3.0
"""Seconds in which a worker has run what it had in hand of a handler that was paused."""


def given(case: Case) -> Iterator[Violation]:
    """Every handler that was subscribed when an event was accepted is on its record.

    Of a handler that was renamed one name is subscribed at any time, so one of both is enough.
    """
    history = case.history
    for event_id, record in history.records.items():
        if event_id not in history.sent:
            continue
        sent = min(one.sent for one in case.deliveries[event_id])
        handlers = set(history.sent[event_id].handlers) - record.handlers.keys()
        for handler in sorted(handlers & history.comes_and_goes):
            if handler not in history.names_that_change:
                since = history.subscribed[handler]
                if sent > since + _SOON:
                    what = (
                        f"subscribed since {since:.3f}, and not given what was sent at {sent:.3f}"
                    )
                    yield Violation(Clause.GIVEN, (event_id,), handler, what)
            elif (other := history.renamed.get(handler)) and other in handlers:
                what = f"given neither to it nor to {other}"
                yield Violation(Clause.GIVEN, (event_id,), handler, what)


def in_time(case: Case) -> Iterator[Violation]:
    """A quick handler is not late because others hang, leak, fail or are slow.

    While nothing is broken, that is: neither by the soak, nor by a handler that ends its worker.
    """
    history = case.history
    for since, until in history.calm:
        for event_id, accepted in case.accepted.items():
            late = accepted + IN_TIME
            if not since <= accepted or late > until or case.excuses.redis_was_away(accepted, late):
                continue
            if any(accepted - _RESTARTED <= one.since <= late for one in history.killed):
                continue
            for handler in sorted(history.quick & set(history.sent[event_id].handlers)):
                runs = case.runs.get((event_id, handler))
                if not runs or runs[0].began > late:
                    began = f"after {runs[0].began - accepted:.1f} s" if runs else "never"
                    what = f"accepted at {accepted:.3f} in a calm, and begun {began}"
                    yield Violation(Clause.IN_TIME, (event_id,), handler, what)


def told(case: Case) -> Iterator[Violation]:
    """Hooks hear of every dead letter and every body in quarantine, and the doctor has a say."""
    history = case.history
    if history.told is None or not history.drained:
        return
    for event_id, record in history.records.items():
        for handler, written in record.handlers.items():
            if written.state == "dead" and f"{handler} {event_id}" not in history.told:
                yield Violation(Clause.TOLD, (event_id,), handler, "dead, and no hook was called")
    for delivery_id in sorted(history.quarantined - history.told):
        what = f"{delivery_id} is in quarantine, and no hook was called"
        yield Violation(Clause.TOLD, (), "", what)
    yield from _doctor(case)


def _doctor(case: Case) -> Iterator[Violation]:
    doctor, history = case.history.doctor, case.history
    if doctor is None:
        yield Violation(Clause.TOLD, (), "", "the doctor never named a handler without a worker")
        return
    if history.quarantined and doctor.exit_code != 1:
        what = f"bodies are in quarantine, and the doctor's exit code was {doctor.exit_code}"
        yield Violation(Clause.TOLD, (), "", what)


def paused(case: Case) -> Iterator[Violation]:
    """Of a handler that is paused nothing is begun but what its workers had in hand.

    A worker that was away meanwhile may have that in hand for longer.
    """
    for pause in case.history.paused:
        for run in case.history.runs:
            if run.handler != pause.handler or not pause.since + _IN_HAND < run.began < pause.until:
                continue
            if not case.excuses.was_away(run.pid, pause.since - 1.0, run.began):
                what = f"paused at {pause.since:.3f}, until {pause.until:.3f}: {described(run)}"
                yield Violation(Clause.PAUSED, (run.event_id,), run.handler, what)
