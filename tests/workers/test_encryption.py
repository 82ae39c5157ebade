"""Workers on a ledger whose bodies are encrypted."""

from datetime import timedelta

from cryptography.fernet import Fernet
from redis import Redis

from bellhop import AccessCodeSetOnDeviceEvent
from bellhop.ledger import DeadLetters, Ledger
from bellhop.vault import NO_KEYS, Vault
from tests.workers.conftest import Workplace

KEY = Fernet.generate_key().decode()
SET = "access_code.set_on_device"


def workplace(redis: Redis, vault: Vault, codes: list[str | None]) -> Workplace:
    """Return a worker that notes the codes it is told of."""
    place = Workplace(Ledger(redis, timedelta(days=1), vault), worker=f"w{id(vault)}")

    @place.on(SET, name="note")
    def note(event: AccessCodeSetOnDeviceEvent) -> None:
        codes.append(event.code)

    return place


def test_handlers_get_the_event_as_it_came(redis: Redis) -> None:
    codes: list[str | None] = []
    place = workplace(redis, Vault([KEY]), codes)
    place.deliver(SET, access_code_id="a1", code="4711")
    place.work()
    assert codes == ["4711"]
    assert place.state("e1") == "done"


def test_without_the_key_nothing_is_lost(redis: Redis) -> None:
    codes: list[str | None] = []
    workplace(redis, Vault([KEY]), codes).deliver(SET, access_code_id="a1", code="4711")
    blind = workplace(redis, NO_KEYS, codes)
    blind.work()

    (letter,) = DeadLetters(redis)
    assert "set BELLHOP_ENCRYPTION_KEYS" in letter.error
    place = workplace(redis, Vault([KEY]), codes)
    assert place.ledger.resolve([letter.tried_again()]).done == (True,)
    place.work()
    assert codes == ["4711"]
    assert place.state("e1") == "done"
