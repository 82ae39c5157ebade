"""How figures become tables and ratios."""

from bench.processes import NotMeasured
from bench.report import markdown
from bench.tables import Column, Table


def _table() -> Table:
    columns = (Column("events/s", spread=True), Column("p50 ms", 1), Column("is", 2, suffix="×"))
    table = Table("Work", "How it is done.", "workers", columns)
    table.add("Bellhop", "1", {"events/s": [1000.0, 3000.0, 2000.0], "p50 ms": [4.0]})
    table.add("Bellhop", "2", {"events/s": [3000.0], "p50 ms": [6.0]})
    table.add("other", "1", {"events/s": [500.0], "p50 ms": [8.0]})
    table.add("other", "2", {"events/s": [6000.0], "p50 ms": [3.0]})
    table.add("third", "3", {"events/s": [100.0]})
    return table


def _ratios(table: Table) -> list[float | None]:
    return [row.figures["is"].median if "is" in row.figures else None for row in table.rows]


def test_each_row_is_compared_with_the_one_of_the_same_case() -> None:
    table = _table()
    table.compare("events/s", "is", "Bellhop")
    assert _ratios(table) == [1.0, 1.0, 4.0, 0.5, None]


def test_rows_can_be_compared_with_a_certain_one() -> None:
    table = _table()
    table.compare("events/s", "is", "Bellhop", "2")
    assert _ratios(table) == [1.5, 1.0, 6.0, 0.5, 30.0]


def test_where_low_is_good_the_ratio_is_turned_over() -> None:
    table = _table()
    table.compare("p50 ms", "is", "Bellhop", low_is_good=True)
    assert _ratios(table) == [1.0, 1.0, 2.0, 0.5, None]


def test_one_that_cannot_be_measured_is_named_and_the_others_go_on() -> None:
    table = _table()
    with table.trying("fourth"):
        raise NotMeasured("it ended")
    assert table.missed == ["fourth could not be measured: it ended"]


def test_a_table_in_markdown_has_medians_spreads_and_ratios() -> None:
    table = _table()
    table.compare("events/s", "is", "Bellhop")
    table.notes.append("Bellhop: defaults")
    table.missed.append("too slow")
    assert markdown(table) == (
        "## Work\n\nHow it is done.\n\n"
        "|  | workers | events/s | p50 ms | is |\n"
        "| :-- | --: | --: | --: | --: |\n"
        "| Bellhop | 1 | 2,000 (1,000–3,000) | 4.0 | 1.00× |\n"
        "| Bellhop | 2 | 3,000 | 6.0 | 1.00× |\n"
        "| other | 1 | 500 | 8.0 | 4.00× |\n"
        "| other | 2 | 6,000 | 3.0 | 0.50× |\n"
        "| third | 3 | 100 |  |  |\n\n"
        "- Bellhop: defaults\n"
        "- too slow\n"
    )
