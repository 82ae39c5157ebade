"""Tables for a terminal. Only the commands that print one import this: rich takes its time."""

from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from bellhop.events.masking import printable


class _Printable(Table):
    """A table of which no cell can hold what a terminal takes for an order."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        super().add_row(*(printable(c) if isinstance(c, str) else c for c in cells), **options)


def new_table(*columns: str) -> Table:
    """Return an empty table; a column whose name ends with `>` holds numbers."""
    table = _Printable(box=box.SIMPLE_HEAD, pad_edge=False, highlight=False)
    for index, column in enumerate(columns):
        table.add_column(
            column.removesuffix(">"),
            justify="right" if column.endswith(">") else "left",
            style="bold" if index == 0 else "",
            overflow="fold",
            no_wrap=index == 0,  # what one copies stays whole
        )
    return table


def print_table(table: Table, *, color: bool = False) -> None:
    """Print a table as wide as the terminal, in `color` even if it is none."""
    # What comes from outside, or looks like list[str], is no markup.
    Console(force_terminal=color or None, highlight=False, markup=False).print(table)
