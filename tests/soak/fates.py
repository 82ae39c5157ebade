"""What becomes of an event in a handler: chance, but the same whenever it is tried again.

The handlers look it up to know what to do, and the soak to know who is to get what.
"""

from dataclasses import dataclass
from random import Random
from zlib import crc32

TIMEOUT = 10.0
"""Seconds that each handler may take: so a lease of the soak is 25 s."""

HANDLES = {
    "audit": "",
    "doors": "lock.",
    "codes": "access_code.",
    "climate": "thermostat.",
    "upkeep": "device.",
    "frail": "device.",
    "strict": "lock.",
}
"""The handlers, and how the types that they handle begin."""

IN_ORDER = frozenset({"strict"})
"""Those with `in_order=True`."""

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

ATTEMPTS = 4
"""How often the failing handlers are tried."""

NEVER = 99
"""More often than anything is tried."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What a handler does with an event.

    `takes`: seconds. `fails`: how many attempts fail, before one succeeds; they raise `Retry` after
    `again` seconds, or, without it, an error; what fails `ATTEMPTS` times is a dead letter, and
    done when it is tried again by hand. `kills`: how many runs kill their process, by a
    signal or, if `exits`, by leaving it.
    """

    takes: float = 0.0
    fails: int = 0
    again: float | None = None
    kills: int = 0
    exits: bool = False


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
    return Fate()


def handlers_of(event_type: str) -> tuple[str, ...]:
    """Return the handlers that an event of this type is for."""
    return tuple(name for name, prefix in HANDLES.items() if event_type.startswith(prefix))
