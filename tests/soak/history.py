"""What happened in a soak, as plain values: what the checker judges.

Times are seconds on the machine's monotonic clock, which all its processes share.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Answer = Literal["accepted", "duplicate", "refused", "unavailable", "lost", "unreached"]
"""What a delivery came to. `lost`: the connection broke, or no answer came, so that nobody knows.
`unavailable`: a 5xx; the receiver did not hear from Redis in time, so nobody knows either.
`unreached`: there was no connection, so it was not even sent."""

FINE = ("accepted", "duplicate")
"""The answers with a 2xx."""

UNSURE = ("unavailable", "lost")
"""The answers after which the event may have been accepted all the same."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An event that a sender made up.

    `handlers`: those that match it. `strange`: signed, but no event; it belongs into quarantine.
    `forged`: not signed, so it must leave no trace.
    """

    event_id: str
    mailbox: str
    handlers: tuple[str, ...]
    kind: Literal["event", "strange", "forged"] = "event"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request, from its first byte to its answer."""

    event_id: str
    delivery_id: str
    sent: float
    answered: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Run:
    """One call of a handler, as it wrote it down itself.

    Without `ended` the process did not get so far.
    """

    handler: str
    event_id: str
    attempt: int
    pid: int
    began: float
    ended: float | None = None
    outcome: Literal["done", "failed"] | None = None


@dataclass(frozen=True, slots=True)
class Killed:
    """The death of a worker, at some moment from `since` to `until`."""

    pid: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Away:
    """A time in which a worker could not write to the ledger; without `pid`, none could.

    `why`: the worker was paused, Redis was away, or the whole machine stood still.
    """

    pid: int | None
    since: float
    until: float
    why: Literal["paused", "redis", "machine"]


@dataclass(frozen=True, slots=True)
class Resumed:
    """A dead letter that was to be tried again, by hand, not before `since`.

    `sure`: the ledger said that it is; else the answer was lost, or it was dead no more.
    """

    event_id: str
    handler: str
    since: float
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Paused:
    """A time in which a handler was paused, by hand, as far as the one who did it knows."""

    handler: str
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that was broken, or done, at some moment. `what`: in words."""

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Doctor:
    """What the doctor said while a handler of the old version had no worker any more."""

    exit_code: int
    without_worker: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What the ledger says in the end of a handler and an event."""

    state: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What the ledger says in the end of an event. `place`: in the order in which it accepted."""

    place: int
    state: str
    handlers: Mapping[str, Written]


@dataclass(frozen=True, slots=True)
class History:
    """All of it.

    `timeout`: seconds that a handler may take; `timeouts`: of those that may take others. `lease`:
    seconds that a worker may be silent before its mail is given to others. `in_order`: the handlers
    that were to take the events of a device strictly in turn. `drained`: everything had the time to
    come to its end, so nothing may be open any more.

    `subscribed`: since when handlers are, of those that not all versions have. `renamed`: of these,
    the new name of each that has another one in the new version. `calm`: times in which nothing was
    broken. `quick`: the handlers that must not be late then. `told`: what hooks were called about,
    `handler event_id` or a svix-id; without it there were no hooks.
    """

    sent: Mapping[str, Sent]
    deliveries: tuple[Delivery, ...]
    runs: tuple[Run, ...]
    killed: tuple[Killed, ...]
    away: tuple[Away, ...]
    resumed: tuple[Resumed, ...]
    records: Mapping[str, Record]
    quarantined: frozenset[str]
    timeout: float
    lease: float
    in_order: frozenset[str]
    drained: bool = True
    timeouts: Mapping[str, float] = field(default_factory=dict)
    subscribed: Mapping[str, float] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    calm: tuple[tuple[float, float], ...] = ()
    quick: frozenset[str] = frozenset()
    told: frozenset[str] | None = None
    paused: tuple[Paused, ...] = ()
    broken: tuple[Broken, ...] = ()
    doctor: Doctor | None = None

    @property
    def names_that_change(self) -> frozenset[str]:
        """The old and the new names of handlers that were renamed."""
        return frozenset(self.renamed) | frozenset(self.renamed.values())

    @property
    def comes_and_goes(self) -> frozenset[str]:
        """The handlers that not all versions have."""
        return frozenset(self.subscribed) | self.names_that_change

    def with_runs(self, runs: Iterable[Run]) -> "History":
        """Return the same history with other runs."""
        return replace(self, runs=tuple(runs))


_LINES = {
    "deliveries": Delivery,
    "runs": Run,
    "killed": Killed,
    "away": Away,
    "resumed": Resumed,
    "paused": Paused,
    "broken": Broken,
}
"""What has a file of its own, by its name in a history."""


def save(history: History, directory: Path) -> None:
    """Write a history into a directory, a file for each kind of thing, a line for each thing."""
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "sent.jsonl", map(asdict, history.sent.values()))
    for name in _LINES:
        _write(directory / f"{name}.jsonl", map(asdict, getattr(history, name)))
    records = ({"event_id": name, **asdict(one)} for name, one in history.records.items())
    _write(directory / "records.jsonl", records)
    rest = {
        "quarantined": sorted(history.quarantined),
        "timeout": history.timeout,
        "timeouts": dict(history.timeouts),
        "lease": history.lease,
        "in_order": sorted(history.in_order),
        "drained": history.drained,
        "subscribed": dict(history.subscribed),
        "renamed": dict(history.renamed),
        "calm": history.calm,
        "quick": sorted(history.quick),
        "told": None if history.told is None else sorted(history.told),
        "doctor": None if history.doctor is None else asdict(history.doctor),
    }
    _write(directory / "rest.jsonl", [rest])


def load(directory: Path) -> History:
    """Read a history that `save` wrote."""
    sent = [Sent(**_with_tuple(line, "handlers")) for line in _read(directory / "sent.jsonl")]
    records = {}
    for line in _read(directory / "records.jsonl"):
        handlers = {name: Written(**one) for name, one in line["handlers"].items()}
        records[line["event_id"]] = Record(line["place"], line["state"], handlers)
    [rest] = _read(directory / "rest.jsonl")
    told, doctor = rest.pop("told"), rest.pop("doctor")
    return History(
        sent={one.event_id: one for one in sent},
        records=records,
        quarantined=frozenset(rest.pop("quarantined")),
        in_order=frozenset(rest.pop("in_order")),
        calm=tuple((since, until) for since, until in rest.pop("calm")),
        quick=frozenset(rest.pop("quick")),
        told=None if told is None else frozenset(told),
        doctor=None if doctor is None else Doctor(**_with_tuple(doctor, "without_worker")),
        **{name: _read_all(directory / f"{name}.jsonl", kind) for name, kind in _LINES.items()},
        **rest,
    )


def _read_all(path: Path, kind: Callable[..., Any]) -> Any:
    return tuple(kind(**line) for line in _read(path))


def _with_tuple(line: dict[str, Any], name: str) -> dict[str, Any]:
    return {**line, name: tuple(line[name])}


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)


def _read(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
