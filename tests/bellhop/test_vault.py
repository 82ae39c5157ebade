"""Bodies at rest: sealed with keys, opened with them, and not lost without them."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from os import urandom
from typing import Any

import pytest
from redis import Redis

from bellhop.errors import BellhopError
from bellhop.ledger import Arrival, Ledger, Quarantine, Quarantined, keys
from bellhop.settings import InvalidSettings, load_settings
from bellhop.vault import PLAINTEXT, CannotOpen, Damaged, InvalidKey, Kind, Sealed, Vault

OLD, NEW = (urlsafe_b64encode(urandom(32)).decode() for _ in range(2))
BODY = b'{"event_id": "e1", "code": "4711"}'
ARRIVAL = Arrival("msg_1", "e1", "lock.unlocked", "device:1", BODY)
ONE = (Kind.EVENT, "e1")
SAID = (Kind.ERROR, "e1", "hotel.tell")


def ledger(redis: Redis, *of_keys: str) -> Ledger:
    return Ledger(redis, timedelta(days=1), Vault(of_keys))


def begin(redis: Redis, *of_keys: str) -> None:
    """Check the keys and remember the first, as receivers and workers do when they start."""
    ledger(redis, *of_keys).check_vault()
    ledger(redis, *of_keys).remember_vault()


@pytest.mark.parametrize("body", [BODY, b"", b"\x00\xff" * 1000, b"\x00aes:", b"\x00sealed:no"])
@pytest.mark.parametrize("of_keys", [(), (OLD,), (OLD, NEW), (PLAINTEXT, OLD)])
def test_what_was_sealed_is_opened_as_the_same(body: bytes, of_keys: tuple[str, ...]) -> None:
    vault = Vault(of_keys)
    sealed = vault.seal(body, *ONE)
    assert vault.open(sealed, *ONE) == body
    if vault.encrypts:
        assert len(body) < 8 or body not in sealed


@pytest.mark.parametrize("text", ["ConnectionError: 4711 ü", "\x00aes:no", "\x00", "half \udc80"])
@pytest.mark.parametrize("of_keys", [(), (OLD,)])
def test_a_text_stays_a_text(text: str, of_keys: tuple[str, ...]) -> None:
    vault = Vault(of_keys)
    sealed = vault.seal_text(text, *SAID)
    assert vault.open_text(sealed, *SAID) == text
    assert ("4711" in sealed) == ("4711" in text and not of_keys)


def test_without_keys_everything_stays_as_it_is() -> None:
    assert Vault().seal(BODY, *ONE) == BODY
    assert Vault().open(BODY, *ONE) == BODY
    assert not Vault().encrypts


@pytest.mark.parametrize(
    "elsewhere",
    [(Kind.EVENT, "e2"), (Kind.QUARANTINED, "e1"), (Kind.FETCHED, "e1"), (Kind.LEDGER,)],
)
def test_what_was_sealed_for_one_place_is_not_opened_in_another(elsewhere: Any) -> None:
    vault = Vault([OLD])
    with pytest.raises(Damaged, match=f"{elsewhere[0]}.* was changed in Redis"):
        vault.open(vault.seal(BODY, *ONE), *elsewhere)


def test_what_one_handler_said_is_not_taken_for_anothers() -> None:
    vault = Vault([OLD])
    sealed = vault.seal_text("no", *SAID)
    for elsewhere in (
        (Kind.ERROR, "e1", "other"),
        (Kind.ERROR, "e2", SAID[2]),
        (Kind.ATTEMPT, *SAID[1:]),
    ):
        with pytest.raises(Damaged):
            vault.open_text(sealed, *elsewhere)


@pytest.mark.parametrize("of_keys", [[OLD], [OLD, NEW]])
def test_plaintext_is_refused_where_there_are_keys(of_keys: list[str]) -> None:
    for stored in (BODY, b"", Vault().seal(b"\x00aes:", *ONE)):
        with pytest.raises(Sealed, match=r"event e1 is not encrypted .* add the word plaintext"):
            Vault(of_keys).open(stored, *ONE)
    with pytest.raises(Sealed):
        Vault(of_keys).open_text("oh no", *SAID)


def test_plaintext_is_read_where_it_is_among_the_keys() -> None:
    assert Vault([OLD, PLAINTEXT]).open(BODY, *ONE) == BODY
    assert Vault([PLAINTEXT, OLD]).seal(BODY, *ONE) == BODY


def test_keys_rotate() -> None:
    sealed = Vault([OLD]).seal(BODY, *ONE)
    both = Vault([NEW, OLD])
    assert both.open(sealed, *ONE) == BODY
    assert Vault([NEW]).open(both.seal(BODY, *ONE), *ONE) == BODY
    with pytest.raises(Sealed, match=r"event e1: .*add the old key behind the new one"):
        Vault([NEW]).open(sealed, *ONE)


def test_what_the_first_key_sealed_is_known_from_the_rest() -> None:
    for of_keys, current in (([OLD, NEW], True), ([NEW, OLD], False), ([PLAINTEXT, OLD], False)):
        assert Vault(of_keys).is_current(Vault([OLD]).seal(BODY, *ONE)) is current
        assert Vault(of_keys).is_current(Vault([OLD]).seal_text("no", *SAID)) is current
    assert Vault().is_current(BODY)
    assert not Vault([OLD]).is_current(BODY)


def test_without_a_key_the_error_says_what_to_set() -> None:
    with pytest.raises(Sealed, match="set BELLHOP_ENCRYPTION_KEYS"):
        Vault().open(Vault([OLD]).seal(BODY, *ONE), *ONE)


def test_what_was_tampered_with_is_not_opened() -> None:
    sealed = Vault([OLD]).seal(BODY, *ONE)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(CannotOpen):
            Vault([OLD]).open(bytes(changed), *ONE)
    for length in range(len(sealed)):
        with pytest.raises(CannotOpen):
            Vault([OLD]).open(sealed[:length], *ONE)


def test_what_an_earlier_version_sealed_is_said_to_be_that() -> None:
    for vault in (Vault(), Vault([OLD])):
        with pytest.raises(Damaged, match="by an earlier version of Bellhop"):
            vault.open(b"\x00sealed:gAAAAA", *ONE)


@pytest.mark.parametrize("key", ["short", "x" * 44, "ü" * 44, "", "Plaintext"])
def test_what_is_no_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InvalidKey) as caught:
        Vault([OLD, key])
    assert "encryption key number 2" in str(caught.value)
    assert "urlsafe_b64encode(urandom(32))" in str(caught.value)
    assert not key or key not in str(caught.value)


def test_the_setting_takes_several_keys_and_names_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"{NEW}, {OLD} plaintext")
    settings = load_settings()
    assert settings.vault.open(Vault([OLD]).seal(BODY, *ONE), *ONE) == BODY
    assert settings.vault.takes_plaintext
    assert NEW not in repr(settings)

    monkeypatch.setenv("BELLHOP_ENCRYPTION_KEYS", f"{NEW} secret")
    with pytest.raises(InvalidSettings) as caught:
        load_settings()
    assert str(caught.value).startswith("BELLHOP_ENCRYPTION_KEYS: encryption key number 2 is not")


# In the ledger


def test_a_duplicate_is_known_though_it_is_sealed_anew(redis: Redis) -> None:
    assert ledger(redis, OLD).accept([ARRIVAL]).new == (True,)
    assert ledger(redis, NEW, OLD).accept([ARRIVAL]).new == (False,)


def test_a_body_that_looks_sealed_can_be_in_quarantine(redis: Redis) -> None:
    for body in (b"\x00aes:1234", b"\x00sealed:", b"\x00clear:"):
        ledger(redis).accept([Quarantined(f"msg_{body!r}", body, ("no event",))])
    assert {kept.body[:5] for kept in Quarantine(redis)} == {b"\x00aes:", b"\x00seal", b"\x00clea"}


def test_a_start_without_the_key_is_refused_before_anything_is_touched(redis: Redis) -> None:
    begin(redis)
    begin(redis, OLD)
    for keys_given in ((), (NEW,), (NEW, PLAINTEXT)):
        with pytest.raises(Sealed):
            ledger(redis, *keys_given).check_vault()
    begin(redis, NEW, OLD)
    begin(redis, NEW)
    with pytest.raises(BellhopError):
        begin(redis, OLD)
    assert redis.dbsize() == 1
    assert redis.exists(keys.SEALED)


@pytest.mark.parametrize("item", [ARRIVAL, Quarantined("msg_2", BODY, ("no event",))])
def test_a_start_with_keys_is_refused_on_a_ledger_that_was_not_encrypted(
    redis: Redis, item: Arrival | Quarantined
) -> None:
    ledger(redis).accept([item])
    with pytest.raises(Sealed, match=r"the ledger is not encrypted .* `bellhop encrypt`"):
        begin(redis, OLD)
    begin(redis, PLAINTEXT, OLD)
    begin(redis, OLD, PLAINTEXT)
    begin(redis, OLD)


def test_a_ledger_of_an_earlier_version_is_refused_in_one_sentence(redis: Redis) -> None:
    redis.set(keys.SEALED, b"\x00sealed:gAAAAA")
    with pytest.raises(Damaged, match="the ledger was encrypted by an earlier version"):
        begin(redis, OLD)
