"""Workers on a ledger whose bodies are encrypted."""

import asyncio
from datetime import timedelta
from itertools import count

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bellhop import AccessCodeSetOnDeviceEvent, SeamEvent
from bellhop.ledger import DeadLetters, Ledger, keys
from bellhop.queue import queue_keys
from bellhop.vault import NO_KEYS, PLAINTEXT, Vault
from bellhop_workers.shift import Shift
from tests.workers.conftest import Workplace

_numbers = count(1)

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SET = "access_code.set_on_device"


def workplace(redis: Redis, vault: Vault, codes: list[str | None]) -> Workplace:
    """Return a worker that notes the codes it is told of."""
    place = Workplace(Ledger(redis, timedelta(days=1), vault), worker=f"w{next(_numbers)}")

    @place.on(SET, name="note")
    def note(event: AccessCodeSetOnDeviceEvent) -> None:
        codes.append(event.code)

    return place


@pytest.fixture
def receiver(redis: Redis) -> Workplace:
    """What delivers events; its keys can be changed between two."""
    return workplace(redis, Vault([OLD]), [])


def work_without_the_key(place: Workplace) -> None:
    """Do a shift that comes to an event which it has no key for."""
    place.runtime.subscribe()
    blind = Shift(place.runtime)
    blind.run()
    assert blind.sealed is not None
    assert place.runtime.stopping


def test_handlers_get_the_event_as_it_came(redis: Redis) -> None:
    codes: list[str | None] = []
    place = workplace(redis, Vault([OLD]), codes)
    place.deliver(SET, access_code_id="a1", code="4711")
    place.work()
    assert codes == ["4711"]
    assert place.state("e1") == "done"


@pytest.mark.parametrize("vault", [NO_KEYS, Vault([OLD])])
def test_without_the_key_the_event_waits_for_a_worker_that_has_it(
    redis: Redis, vault: Vault
) -> None:
    codes: list[str | None] = []
    workplace(redis, Vault([NEW, OLD]), codes).deliver(SET, access_code_id="a1", code="4711")
    for _ in range(5):  # more often than workers may die under it
        blind = workplace(redis, vault, codes)
        work_without_the_key(blind)
        swept = blind.ledger.sweep(queues=queue_keys(), dead={blind.runtime.worker: ""})
        assert swept.freed == ()
    assert not list(DeadLetters(redis))
    assert {name for name in redis.hkeys(keys.event("e1")) if b":" in name} == {b"h:note"}
    assert not redis.exists(keys.suspects("note"))

    place = workplace(redis, Vault([OLD, NEW]), codes)
    place.work()
    assert codes == ["4711"]
    assert place.state("e1") == "done"


@pytest.mark.parametrize("is_async", [False, True])
def test_what_came_before_it_is_done_once_and_what_came_after_it_waits_in_order(
    redis: Redis, receiver: Workplace, is_async: bool
) -> None:
    for keys_of_receiver in ([OLD], [NEW, OLD], [OLD]):
        receiver.ledger.vault = Vault(keys_of_receiver)
        receiver.deliver(SET, access_code_id="a1", code="1")
    seen: list[str] = []

    def note(event: SeamEvent) -> None:
        seen.append(event.event_id)

    async def note_later(event: SeamEvent) -> None:
        await asyncio.sleep(0)
        seen.append(event.event_id)

    def worker(*keys_of_worker: str) -> Workplace:
        ledger = Ledger(redis, timedelta(days=1), Vault(keys_of_worker))
        place = Workplace(ledger, worker=f"w{len(keys_of_worker)}")
        place.on(SET, name="note")(note_later if is_async else note)
        return place

    work_without_the_key(worker(OLD))
    assert seen == ["e1"]
    assert receiver.state("e1") == "done"
    worker(OLD, NEW).work()
    assert seen == ["e1", "e2", "e3"]


def test_what_is_under_way_for_other_devices_is_finished_and_not_begun_again(
    redis: Redis, receiver: Workplace
) -> None:
    receiver.deliver(SET, "back", access_code_id="a1", code="1")
    receiver.ledger.vault = Vault([NEW, OLD])
    receiver.deliver(SET, "front", access_code_id="a1", code="2")
    place = Workplace(Ledger(redis, timedelta(days=1), Vault([OLD])))
    ended: list[str] = []

    @place.on(SET)
    async def takes_until_the_worker_stops(event: SeamEvent) -> None:
        while not place.runtime.stopping:  # noqa: ASYNC110 - the shift sets it, from its thread
            await asyncio.sleep(0.01)
        ended.append(event.event_id)

    work_without_the_key(place)
    assert ended == ["e1"]
    assert receiver.state("e1") == "done"
    assert receiver.state("e2") == "accepted"


def test_an_event_that_was_changed_in_redis_is_a_dead_letter_of_each_handler_with_its_reason(
    redis: Redis, receiver: Workplace
) -> None:
    receiver.deliver(SET, access_code_id="a1", code="1")
    receiver.deliver(SET, access_code_id="a1", code="2")
    redis.hset(keys.event("e1"), "body", redis.hget(keys.event("e2"), "body") or b"")
    codes: list[str | None] = []
    place = workplace(redis, Vault([OLD]), codes)

    @place.on(SET, name="second")
    async def second(event: AccessCodeSetOnDeviceEvent) -> None:
        codes.append(event.code)

    place.work()
    assert codes == ["2", "2"]
    letters = {letter.handler: letter for letter in DeadLetters(redis, Vault([OLD]))}
    assert sorted(letters) == ["note", "second"]
    for letter in letters.values():
        assert letter.event_id == "e1"
        assert "event e1 was changed in Redis" in letter.error


def test_an_event_in_the_clear_waits_for_a_worker_that_takes_it(redis: Redis) -> None:
    codes: list[str | None] = []
    workplace(redis, NO_KEYS, codes).deliver(SET, access_code_id="a1", code="4711")
    work_without_the_key(workplace(redis, Vault([OLD]), codes))
    assert codes == []
    workplace(redis, Vault([OLD, PLAINTEXT]), codes).work()
    assert codes == ["4711"]


def test_what_a_handler_said_is_read_back_and_counted_over_all_its_attempts(
    redis: Redis, receiver: Workplace
) -> None:
    place = Workplace(Ledger(redis, timedelta(days=1), Vault([OLD])), worker="failing")

    @place.on(SET, name="fails", attempts=3, backoff=[0, 0])
    def fails(event: AccessCodeSetOnDeviceEvent) -> None:
        raise ConnectionError("the front desk is closed")

    receiver.deliver(SET, access_code_id="a1", code="1")
    for _ in range(3):
        place.work()
        place.later()
    [letter] = DeadLetters(redis, Vault([OLD]))
    assert letter.attempts == 3
    said = [attempt.error for attempt in letter.record.attempts]
    assert said == ["ConnectionError: the front desk is closed"] * 3
    assert "front desk" not in str(redis.hgetall(keys.event("e1")))
