import pytest

from bellhop.events import TYPES
from bellhop.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "types", "patterns"),
    [
        ("lock.unlock", ["lock.unlocked", "lock.locked"], ["lock.unlocked", "lock.locked"]),
        ("lock", ["lock.access_denied", "lock.locked", "lock.unlocked"], ["lock.*"]),
        ("lock.un*", ["lock.unlocked"], ["lock.un*"]),
        ("acces_code.*", None, ["access_code.*"]),
        ("unlocked", ["lock.unlocked"], ["lock.unlocked"]),
        ("LOCK.UNLOCKED", ["lock.unlocked", "lock.locked"], ["lock.unlocked", "lock.locked"]),
        ("zzzzz", [], []),
    ],
)
def test_a_wrong_name_leads_to_known_ones_or_to_patterns_of_them(
    name: str, types: list[str] | None, patterns: list[str]
) -> None:
    assert types is None or nearest(name, TYPES) == types
    assert nearest(name, TYPES, patterns=True)[: len(patterns)] == patterns


def test_only_what_is_near_is_named() -> None:
    assert nearest("zzzzz", TYPES, patterns=True) == []


def test_a_message_asks_for_those_that_are_near_or_says_where_all_are() -> None:
    assert did_you_mean(["a", "b"], "look there") == "did you mean a or b?"
    assert did_you_mean([], "look there") == "look there"
