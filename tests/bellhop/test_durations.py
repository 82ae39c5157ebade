"""How a duration is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellhop.setting_values import read_duration, written_duration


@given(
    number=st.one_of(st.integers(0, 10**6), st.floats(0, 10**6).map(lambda n: round(n, 3))),
    unit=st.sampled_from(["s", "m", "h", "d"]),
)
def test_a_duration_is_a_number_and_a_unit(number: float, unit: str) -> None:
    seconds = number * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[unit]
    duration = read_duration(f"{number:f} {unit}")
    assert duration.total_seconds() == pytest.approx(seconds, abs=1e-2)


@pytest.mark.parametrize(
    "text", ["", " ", "s", "5x", "5 5", "-1", "1e3", "1,5", "٣s", "5s5", "5\ns5"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        read_duration(text)


@pytest.mark.parametrize("text", ["14d", "36h", "90m", "90s", "1.5s", "0s"])
def test_one_is_shown_as_people_write_it(text: str) -> None:
    assert written_duration(read_duration(text)) == text
