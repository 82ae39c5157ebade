"""What becomes of an event in a handler: chance, but the same whenever it is tried again.

The handlers look it up to know what to do, and the soak to know who is to get what.
"""

from dataclasses import dataclass
from random import Random
from zlib import crc32

TIMEOUT = 10.0
"""Seconds that each handler may take."""

HANGS_FOR = 8.0
"""Seconds that those may take that hang."""

FRONT = {
    "audit": "",
    "doors": "lock.",
    "codes": "access_code.",
    "climate": "thermostat.",
    "upkeep": "device.",
    "frail": "device.",
    "strict": "lock.",
    "stuck": "noise_sensor.",
}
"""The handlers of the first program, and how the types that they handle begin."""

OLD = {"greet": "lock.", "parting": "thermostat."}
"""Those that only its old version has."""

NEW = {"welcome": "lock.", "added": "access_code."}
"""Those that only its new version has."""

RENAMED = {"greet": "welcome"}
"""A handler of the old version that has another name in the new one. Neither ever fails."""

DESK = {"copy": "", "clings": "noise_sensor.", "leaks": "device."}
"""The handlers of the second program."""

HANDLES = {**FRONT, **OLD, **NEW, **DESK}

IN_ORDER = frozenset({"strict"})
"""Those with `in_order=True`."""

HANG = frozenset({"stuck", "clings"})
"""Those that hang."""

QUICK = frozenset({"audit", "copy"})
"""Those that get every event, are quick, and so must not be late because another hangs."""

NOISE = "noise_sensor.noise_threshold_triggered"
"""The type of which the events hang in some handlers. There are few, so that others have time."""

TYPES = (
    "lock.unlocked",
    "lock.locked",
    "access_code.set_on_device",
    "access_code.failed_to_set_on_device",
    "thermostat.temperature_changed",
    "thermostat.manually_adjusted",
    "device.connected",
    "device.disconnected",
)
"""The types of all other events."""

ATTEMPTS = 4
"""How often the failing handlers are tried."""

HANG_ATTEMPTS = 2
"""How often the hanging ones are tried."""

NEVER = 99
"""More often than anything is tried."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What a handler does with an event.

    `takes`: seconds. `fails`: how many attempts fail, before one succeeds; they raise `Retry` after
    `again` seconds, or, without it, an error; what fails `ATTEMPTS` times is a dead letter, and
    done when it is tried again by hand. `kills`: how many runs kill their process, by a
    signal or, if `exits`, by leaving it. `hangs`: how many attempts do not come to their end.
    `clings`: the first of them cannot be interrupted. `leaks`: MiB that are never freed.
    """

    takes: float = 0.0
    fails: int = 0
    again: float | None = None
    kills: int = 0
    exits: bool = False
    hangs: int = 0
    clings: bool = False
    leaks: int = 0


def fate(event_id: str, handler: str) -> Fate:
    """Return what the handler is to do with the event."""
    chance = Random(crc32(f"{event_id} {handler}".encode()))
    dice = chance.random()
    match handler:
        case "doors" if dice < 0.08:
            return Fate(takes=chance.uniform(0.05, 0.3))
        case "codes" if dice < 0.5:
            return Fate(takes=chance.uniform(0.05, 0.5))
        case "climate" | "upkeep" if dice < 0.2:
            fails = NEVER if dice < 0.02 else chance.randint(1, ATTEMPTS - 1)
            again = None if dice > 0.19 else chance.uniform(0.1, 3.0)
            return Fate(takes=chance.uniform(0.0, 0.02), fails=fails, again=again)
        case "strict" if dice < 0.1:
            fails = chance.choice((ATTEMPTS, NEVER)) if dice < 0.015 else chance.randint(1, 2)
            return Fate(fails=fails, again=chance.uniform(0.1, 0.8))
        case "frail" if dice < 0.004:
            kills = NEVER if dice < 0.0005 else 1
            return Fate(takes=chance.uniform(0.0, 0.1), kills=kills, exits=chance.random() < 0.5)
        case "stuck" | "clings":
            hangs = NEVER if dice < 0.2 else 1
            return Fate(hangs=hangs, clings=handler == "clings" and dice > 0.7)
        case "leaks" if dice < 0.5:
            return Fate(leaks=2)
    return Fate()


def handlers_of(event_type: str) -> tuple[str, ...]:
    """Return the handlers that an event of this type is for, of all programs and versions."""
    return tuple(name for name, prefix in HANDLES.items() if event_type.startswith(prefix))
