"""Tables of any length: rows are printed as they come, under the widths of the first ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

from geartrain.cli.output import SERVER, Column, Row, console, print_json
from geartrain.printable import printable

PAGE: Final = 1000  # rows by which widths are found
GAP: Final = "  "  # between two columns
NARROWEST: Final = 8  # cells of a column that is made narrower than what it has


def print_rows(rows: Iterable[Row], columns: Sequence[Column], as_json: bool, servers: int = 1) -> None:
    """Print rows as a table, or a JSON object each, as they come; ``servers`` is how many are asked.

    Where rows are of several servers there is a column for that: also where the first ones do not show it yet.
    """
    if as_json:
        for row in rows:
            print_json(row)
        return
    coming = iter(rows)
    first = list(islice(coming, PAGE))
    several = len({row["server"] for row in first}) > 1 or (servers > 1 and len(first) == PAGE)
    Grid([SERVER, *columns] if several else columns, first).show(coming)


class Grid:
    """A table whose first rows are known."""

    def __init__(self, columns: Sequence[Column], first: Sequence[Row]) -> None:
        self.columns = columns
        self.screen: Console = console()
        self.first = [self.cells(row) for row in first]
        headings = [column.heading for column in columns]
        self.widths = [max(map(cell_len, texts)) for texts in zip(headings, *self.first, strict=True)]
        if self.screen.is_terminal:
            fit(self.widths, self.screen.width - len(GAP) * (len(columns) - 1))

    def show(self, more: Iterator[Row]) -> None:
        """Print the headings, the first rows, and others as they come."""
        heading = "\n".join(self.lines([column.heading for column in self.columns]))
        self.screen.print(Text(heading, style="bold"), soft_wrap=True)
        self.write(self.first)
        while page := [self.cells(row) for row in islice(more, PAGE)]:
            self.write(page)

    def cells(self, row: Row) -> list[str]:
        """What a row shows; nothing that a peer chose is obeyed by a terminal."""
        return [printable(str(column.cell(row))) for column in self.columns]

    def write(self, rows: Sequence[Sequence[str]]) -> None:
        sys.stdout.write("".join([f"{line}\n" for cells in rows for line in self.lines(cells)]))
        sys.stdout.flush()

    def lines(self, cells: Sequence[str]) -> Iterator[str]:
        """A row's lines: on a terminal a cell that is too wide goes on below."""
        if not self.screen.is_terminal or all(
            cell_len(cell) <= width for cell, width in zip(cells, self.widths, strict=True)
        ):
            yield self.line(cells)
            return
        parts = [folded(cell, width) for cell, width in zip(cells, self.widths, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            yield self.line(line)

    def line(self, cells: Sequence[str]) -> str:
        padded = [
            " " * (width - cell_len(cell)) + cell if column.right else cell + " " * (width - cell_len(cell))
            for column, cell, width in zip(self.columns, cells, self.widths, strict=True)
        ]
        return GAP.join(padded).rstrip()


def folded(text: str, width: int) -> list[str]:
    """A text in lines that have room, broken between words where it can be."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines += chop_cells(word, width)
    return lines if lines[0] or len(lines) == 1 else lines[1:]


def fit(widths: list[int], room: int) -> None:
    """Make the widest columns narrower until all have room, but none of them very narrow."""
    while sum(widths) > room and max(widths) > NARROWEST:
        widths[widths.index(max(widths))] -= 1
