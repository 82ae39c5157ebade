"""A day with a hundred thousand events, to see how fast some of them are found."""

from redis import Redis

from bellhop.ledger import Arrival, Ledger

EVENTS = 100_000
DEVICES = 400
TYPES = ("lock.locked", "lock.unlocked", "access_code.set_on_device", "device.connected")
DAY = 24 * 3600 * 1000
PADDING = "x" * 400


def record_a_day(ledger: Ledger, redis: Redis) -> int:
    """Record them, and return when the day ends, in milliseconds. Every event carries three ids."""
    seconds, _ = redis.time()
    now: int = seconds * 1000
    for start in range(0, EVENTS, 500):
        ledger.accept([_arrival(number, now) for number in range(start, start + 500)])
        ledger.index(now_ms=now)
    return now


def _arrival(number: int, now: int) -> Arrival:
    device, event_type = number * 7919 % DEVICES, TYPES[number % len(TYPES)]
    body = (
        f'{{"event_id":"e{number}","event_type":"{event_type}","device_id":"{device}",'
        f'"event_description":"{PADDING}"}}'
    )
    return Arrival(
        f"m{number}",
        f"e{number}",
        event_type,
        f"device:{device}",
        body.encode(),
        created_ms=now - DAY + number * DAY // EVENTS,
        subjects=(f"event_type {event_type}", f"device_id {device}", f"account_id {device % 9}"),
    )
