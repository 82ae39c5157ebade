"""The figures of a soak, from its history."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from tests.soak.case import Case
from tests.soak.history import History


@dataclass(frozen=True, slots=True)
class Figures:
    """What a soak did, in numbers. Times are seconds."""

    seconds: float
    sent: int
    deliveries: int
    accepted: int
    duplicates: int
    refused: int
    quarantined: int
    unanswered: int
    runs: int
    handled: int
    retried: int
    repeated: int
    dead: int
    resumed: int
    died: int
    faults: Mapping[str, int]
    suicides: int
    longest_wait: float
    longest_silence: float

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.faults.items()))
        kills = sum(count for kind, count in self.faults.items() if kind.startswith("kill"))
        return "\n".join(
            (
                f"events sent          {self.sent} in {self.deliveries} deliveries",
                f"accepted             {self.accepted} ({self.accepted / self.seconds:.0f}/s)",
                f"duplicates refused   {self.duplicates}",
                f"forged and refused   {self.refused}",
                f"strange, quarantined {self.quarantined}",
                f"without an answer    {self.unanswered} (each came again)",
                f"handled              {self.handled} in {self.runs} runs of handlers",
                f"retried              {self.retried}",
                f"run again            {self.repeated} (their worker was killed under them)",
                f"dead letters         {self.dead}, {self.died} of them because workers died",
                f"tried again by hand  {self.resumed} dead letters",
                f"faults               {sum(self.faults.values())}: {kinds}",
                f"killed               {kills}, and {self.suicides} workers by their own handler",
                f"longest gap          {self.longest_wait:.1f} s from answer to handler, "
                f"{self.longest_silence:.1f} s without any handler",
            )
        )


def measure(
    history: History, faults: Mapping[str, int], suicides: int, since: float, until: float
) -> Figures:
    """Return the figures of a history. It was under load from `since` to `until`."""
    case = Case(history)
    events = {name for name, one in history.sent.items() if one.kind == "event"}
    answers = Counter(one.answer for one in history.deliveries)
    dead = [
        one
        for record in history.records.values()
        for one in record.handlers.values()
        if one.state == "dead"
    ]
    again = sum(
        following.attempt == run.attempt
        for runs in case.runs.values()
        for run, following in pairwise(runs)
    )
    waits = (
        runs[0].began - case.accepted[event_id]
        for (event_id, _), runs in case.runs.items()
        if event_id in case.accepted
    )
    begun = sorted(run.began for run in history.runs if since <= run.began <= until)
    return Figures(
        seconds=until - since,
        sent=len(history.sent),
        deliveries=len(history.deliveries),
        accepted=len(case.accepted.keys() & events),
        duplicates=answers["duplicate"],
        refused=answers["refused"],
        quarantined=len(history.quarantined),
        unanswered=sum(answers[name] for name in ("lost", "unavailable", "unreached")),
        runs=len(history.runs),
        handled=sum(any(run.outcome == "done" for run in runs) for runs in case.runs.values()),
        retried=sum(run.attempt > 1 for run in history.runs),
        repeated=again,
        dead=len(dead),
        resumed=sum(one.sure for one in history.resumed),
        died=sum(one.error.startswith("worker died") for one in dead),
        faults=faults,
        suicides=suicides,
        longest_wait=max(waits, default=0.0),
        longest_silence=max((b - a for a, b in pairwise([since, *begun, until])), default=0.0),
    )
