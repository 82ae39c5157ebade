"""Medians, spreads and percentiles."""

import pytest

from bench.figures import Figure, percentile


def test_a_figure_is_the_median_of_its_rounds_with_their_spread() -> None:
    assert Figure.of([30.0, 10.0, 20.0]) == Figure(20.0, 10.0, 30.0)
    assert Figure.of([1.0, 2.0]) == Figure(1.5, 1.0, 2.0)


@pytest.mark.parametrize(
    ("percent", "value"), [(0, 1.0), (1, 1.0), (50, 50.0), (99, 99.0), (99.5, 100.0), (100, 100.0)]
)
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    percent: float, value: float
) -> None:
    assert percentile([float(one) for one in range(100, 0, -1)], percent) == value


def test_of_few_values_the_largest_is_the_99th_percentile() -> None:
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0


def test_there_is_no_percentile_of_nothing() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)
