"""Which event types a pattern fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("lock.unlocked", "lock.unlocked"),
        ("*", "lock.unlocked"),
        ("*", ""),
        ("*", "a\nb"),
        ("lock.*", "lock.unlocked"),
        ("lock.*", "lock."),
        ("device.*", "device.error.subscription_required.resolved"),
        ("*.failed_to_set_on_device", "access_code.failed_to_set_on_device"),
        ("access_code.failed_*", "access_code.failed_to_set_on_device"),
        ("*.*", "device.connected"),
        ("*code*", "access_code.set_on_device"),
        ("**", "lock.unlocked"),
        ("lock*unlocked", "lock.unlocked"),
        ("action_attempt.*.failed", "action_attempt.lock_door.failed"),
    ],
)
def test_a_star_stands_for_any_run_of_characters(pattern: str, event_type: str) -> None:
    assert Pattern(pattern).matches(event_type)


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("lock.unlocked", "lock.unlocked.twice"),
        ("lock.unlocked", "a.lock.unlocked"),
        ("lock.*", "lock"),
        ("lock.*", "a.lock.unlocked"),
        ("*.unlocked", "lock.unlocked.twice"),
        ("lock.unlocked", "lock.unlocked\n"),
        ("", "lock.unlocked"),
        ("device.error.subscription_required", "device.error.subscription_required.resolved"),
    ],
)
def test_a_pattern_fits_the_whole_type(pattern: str, event_type: str) -> None:
    assert not Pattern(pattern).matches(event_type)


@pytest.mark.parametrize("pattern", ["Lock.unlocked", "LOCK.*", "lock.Unlocked"])
def test_patterns_are_case_sensitive(pattern: str) -> None:
    assert not Pattern(pattern).matches("lock.unlocked")


@pytest.mark.parametrize(
    ("pattern", "event_type"),
    [
        ("lock.unlocked", "lockXunlocked"),
        ("lock.?nlocked", "lock.unlocked"),
        ("lock.[u]nlocked", "lock.unlocked"),
        ("lock.(unlocked)", "lock.unlocked"),
        ("lock.unlocked|x", "lock.unlocked"),
        ("lock.u+nlocked", "lock.unlocked"),
        (r"lock\.unlocked", "lock.unlocked"),
        ("^lock.unlocked$", "lock.unlocked"),
        ("lock.{unlocked,locked}", "lock.locked"),
        ("!lock.locked", "lock.unlocked"),
        (r"\w*", "lock.unlocked"),
    ],
)
def test_nothing_but_a_star_is_special(pattern: str, event_type: str) -> None:
    assert not Pattern(pattern).matches(event_type)


@pytest.mark.parametrize("text", ["a.b?[c]", "a|b", "(a)", "^a$", r"\d", "a+", "{a,b}", "a b", "é"])
def test_what_is_not_special_stands_for_itself(text: str) -> None:
    assert Pattern(text).matches(text)
    assert Pattern(f"{text}*").matches(f"{text}.more")


def fits(pattern: str, text: str) -> bool:
    """Say the same as `Pattern.matches`, in the words of its documentation."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(fits(pattern[1:], text[at:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] == text[0] and fits(pattern[1:], text[1:])


FEW = st.text("ab.*[]?\\^$\n", max_size=8)


@given(pattern=FEW, text=FEW)
def test_a_pattern_agrees_with_the_definition(pattern: str, text: str) -> None:
    assert Pattern(pattern).matches(text) == fits(pattern, text)


@given(text=st.text())
def test_a_pattern_without_a_star_fits_itself_and_nothing_else(text: str) -> None:
    pattern = Pattern(text.replace("*", "x"))
    assert pattern.matches(text.replace("*", "x"))
    assert not pattern.matches(text + "x")
