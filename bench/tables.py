"""What measurements return: tables of figures, not yet text."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.figures import Figure
from bench.processes import NotMeasured


@dataclass(frozen=True)
class Column:
    """A kind of figure. `spread`: whether the smallest and largest round are shown with it."""

    name: str
    digits: int = 0
    spread: bool = False
    suffix: str = ""


@dataclass(frozen=True)
class Row:
    """The figures of one contender in one case, by the name of their column."""

    who: str
    case: str
    figures: Mapping[str, Figure]


@dataclass(frozen=True)
class Table:
    """A measurement's figures, and how they came about."""

    title: str
    how: str
    case: str
    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    """Limits that were not kept, and what could not be measured."""

    def add(self, who: str, case: str, rounds: Mapping[str, list[float]]) -> None:
        """Add a row of values that were measured in rounds."""
        figures = {name: Figure.of(values) for name, values in rounds.items() if values}
        self.rows.append(Row(who, case, figures))

    @contextmanager
    def trying(self, who: str) -> Iterator[None]:
        """Note that one could not be measured, and go on with the others."""
        try:
            yield
        except NotMeasured as error:
            self.missed.append(f"{who} could not be measured: {error}")

    def compare(
        self, column: str, name: str, to: str, case: str | None = None, *, low_is_good: bool = False
    ) -> None:
        """Put into the column `name` how many times better `to` is than each row.

        It is the row of `to` in that case, or in the same one. Where it was not measured, nothing.
        """
        medians = {
            (row.who, row.case): row.figures[column].median
            for row in self.rows
            if column in row.figures
        }
        for index, row in enumerate(self.rows):
            own = medians.get((row.who, row.case))
            base = medians.get((to, row.case if case is None else case))
            if own and base:
                times = own / base if low_is_good else base / own
                figures = {**row.figures, name: Figure.of([times])}
                self.rows[index] = Row(row.who, row.case, figures)
