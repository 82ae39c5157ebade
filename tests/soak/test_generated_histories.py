"""Whatever good history chance makes up is fine; whatever damage it does is found, by its name."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.soak.checker import check
from tests.soak.generated import DAMAGES, Damaged, Draw, good_histories
from tests.soak.history import History


@given(good_histories())
def test_nothing_is_found_in_a_good_history(history: History) -> None:
    assert check(history) == []


@pytest.mark.parametrize("damage", DAMAGES, ids=[one.__name__ for one in DAMAGES])
@settings(
    max_examples=examples(30),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(data=st.data())
def test_a_single_damage_is_found_by_name(
    damage: Callable[[Draw, History], Damaged], data: st.DataObject
) -> None:
    history, clauses, events = damage(data.draw, data.draw(good_histories()))

    found = [(one.clause, one.events) for one in check(history)]

    assert any(clause in clauses and named == events for clause, named in found), found
