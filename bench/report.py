"""How tables look: on the terminal, and in Markdown."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as RichTable

from bench.figures import Figure
from bench.tables import Column, Table


def print_table(table: Table, console: Console) -> None:
    """Print a table on the terminal."""
    columns = _present(table)
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, title=table.title, title_justify="left")
    drawn.add_column("", style="bold", no_wrap=True)
    if table.case:
        drawn.add_column(table.case, justify="right", no_wrap=True)
    for column in columns:
        drawn.add_column(column.name, justify="right")
    for row in table.rows:
        cells = [_cell(column, row.figures.get(column.name)) for column in columns]
        drawn.add_row(row.who, *([row.case] if table.case else []), *cells)
    console.print(drawn)
    for note in table.notes:
        console.print(note, style="dim", markup=False)
    for limit in table.missed:
        console.print(limit, style="red", markup=False)


def markdown(table: Table) -> str:
    """Return a table with its heading."""
    columns = _present(table)
    names = ["", *([table.case] if table.case else []), *(column.name for column in columns)]
    lines = [_line(names), _line([":--", *("--:" for _ in names[1:])])]
    for row in table.rows:
        cells = [_cell(column, row.figures.get(column.name)) for column in columns]
        lines.append(_line([row.who, *([row.case] if table.case else []), *cells]))
    notes = "".join(f"\n- {note}" for note in [*table.notes, *table.missed])
    body = "\n".join(lines)
    return f"## {table.title}\n\n{table.how}\n\n{body}\n{notes}\n"


def _present(table: Table) -> list[Column]:
    return [one for one in table.columns if any(one.name in row.figures for row in table.rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(column: Column, figure: Figure | None) -> str:
    if figure is None:
        return ""
    text = f"{_number(figure.median, column.digits)}{column.suffix}"
    if column.spread and figure.low != figure.high:
        low, high = (_number(one, column.digits) for one in (figure.low, figure.high))
        return f"{text} ({low}–{high})"
    return text


def _number(value: float, digits: int) -> str:
    return f"{value:,.{digits}f}"
