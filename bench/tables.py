"""What measurements return: tables of figures, not yet text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.figures import Figure


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

    def add(self, who: str, case: str, rounds: Mapping[str, list[float]]) -> None:
        """Add a row of values that were measured in rounds."""
        figures = {name: Figure.of(values) for name, values in rounds.items() if values}
        self.rows.append(Row(who, case, figures))

    def compare(self, column: str, to: str, *, low_is_good: bool = False) -> None:
        """Add to each row how many times better the row of `to` with the same case is."""
        name = next(one.name for one in self.columns if one.suffix == "×")
        bases = {row.case: row.figures[column].median for row in self.rows if row.who == to}
        for index, row in enumerate(self.rows):
            base = bases.get(row.case) or bases.get("") or next(iter(bases.values()), None)
            own = row.figures[column].median if column in row.figures else 0.0
            if not base or not own:
                continue
            times = own / base if low_is_good else base / own
            self.rows[index] = Row(
                row.who, row.case, {**row.figures, name: Figure(times, times, times)}
            )
