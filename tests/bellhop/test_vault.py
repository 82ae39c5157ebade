"""Bodies at rest: sealed with keys, opened with them, and not lost without them."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from redis import Redis

from bellhop.errors import BellhopError
from bellhop.ledger import Arrival, Ledger, Quarantine, Quarantined, keys
from bellhop.settings import InvalidSettings, load_settings
from bellhop.vault import InvalidKey, Sealed, Vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
BODY = b'{"event_id": "e1", "code": "4711"}'
ARRIVAL = Arrival("msg_1", "e1", "lock.unlocked", "device:1", BODY)


def ledger(redis: Redis, *of_keys: str) -> Ledger:
    return Ledger(redis, timedelta(days=1), Vault(of_keys))


def begin(redis: Redis, *of_keys: str) -> None:
    """Check the keys and remember the first, as receivers and workers do when they start."""
    ledger(redis, *of_keys).check_vault()
    ledger(redis, *of_keys).remember_vault()


def everything(redis: Redis) -> bytes:
    """Return all that is in Redis, as somebody who reads its files would find it."""
    found: Any = [redis.dump(name) for name in redis.scan_iter("*")]
    return b"".join(found)


@pytest.mark.parametrize("body", [BODY, b"", b"\x00\xff" * 1000])
def test_what_was_sealed_is_opened_with_its_key(body: bytes) -> None:
    vault = Vault([OLD])
    sealed = vault.seal(body)
    assert sealed != body
    assert len(body) < 8 or body not in sealed
    assert vault.open(sealed) == body


def test_without_keys_everything_stays_as_it_is() -> None:
    assert Vault().open(Vault().seal(BODY)) == BODY
    assert not Vault().encrypts


def test_what_was_stored_before_there_were_keys_can_be_read() -> None:
    assert Vault([OLD]).open(BODY) == BODY


def test_keys_rotate() -> None:
    sealed = Vault([OLD]).seal(BODY)
    both = Vault([NEW, OLD])
    assert both.open(sealed) == BODY
    assert Vault([NEW]).open(both.seal(BODY)) == BODY
    with pytest.raises(Sealed, match="add the old key behind the new one"):
        Vault([NEW]).open(sealed)


def test_without_a_key_the_error_says_what_to_set() -> None:
    with pytest.raises(Sealed, match="set BELLHOP_ENCRYPTION_KEYS"):
        Vault().open(Vault([OLD]).seal(BODY))


def test_what_was_tampered_with_is_not_opened() -> None:
    sealed = bytearray(Vault([OLD]).seal(BODY))
    sealed[60] ^= 1
    with pytest.raises(Sealed):
        Vault([OLD]).open(bytes(sealed))


@pytest.mark.parametrize("key", ["short", "x" * 44, "ü" * 44, ""])
def test_what_is_no_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        Vault([OLD, key])
    assert "encryption key number 2" in str(caught.value)
    assert "Fernet.generate_key" in str(caught.value)
    assert not key or key not in str(caught.value)


def test_the_setting_takes_several_keys_and_names_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"{NEW}, {OLD}")
    settings = load_settings()
    assert settings.vault.open(Vault([OLD]).seal(BODY)) == BODY
    assert NEW not in repr(settings)

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"{NEW} secret")
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert str(caught.value).startswith("BELLHOP_ENCRYPTION_KEYS: encryption key number 2 is not")


# In the ledger


def test_redis_never_sees_a_body(redis: Redis) -> None:
    sealed = ledger(redis, OLD)
    sealed.accept([ARRIVAL, Quarantined("msg_2", BODY, ("no event",))])

    assert b"4711" not in everything(redis)
    (mail,) = sealed.claim("w/1", lease=timedelta(minutes=1), mailboxes=1, entries=1).mail
    stored = mail.entries[0].body
    assert stored
    assert Vault([OLD]).open(stored) == BODY
    kept = Quarantine(redis, Vault([OLD])).get("msg_2")
    assert kept
    assert kept.body == BODY


def test_a_duplicate_is_known_though_it_is_sealed_anew(redis: Redis) -> None:
    assert ledger(redis, OLD).accept([ARRIVAL]).new == (True,)
    assert ledger(redis, NEW, OLD).accept([ARRIVAL]).new == (False,)


def test_a_start_without_the_key_is_refused_before_anything_is_touched(redis: Redis) -> None:
    begin(redis)
    begin(redis, OLD)
    for keys_given in ((), (NEW,)):
        with pytest.raises(Sealed):
            ledger(redis, *keys_given).check_vault()
    begin(redis, NEW, OLD)
    begin(redis, NEW)
    with pytest.raises(BellhopError):
        begin(redis, OLD)
    assert redis.dbsize() == 1
    assert redis.exists(keys.SEALED)
