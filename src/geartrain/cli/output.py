"""What the commands print: tables, JSON lines, progress."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from geartrain.printable import printable

Row: TypeAlias = Mapping[str, Any]  # JSON, or made like it

WITHOUT_END: Final = 1_000_000  # columns of a line that goes to a file or another program


class Column(NamedTuple):
    """A column of a table: its heading, and what it shows of a row."""

    heading: str
    cell: Callable[[Row], object]
    right: bool = False  # numbers stand to the right


SERVER: Final = Column("SERVER", lambda row: row["server"])


def print_json(row: Mapping[str, object]) -> None:
    click.echo(json.dumps(row))


def result_fields(result: bytes) -> dict[str, object]:
    """A result in JSON; one that is no text is given in base 64."""
    try:
        return {"result": result.decode()}
    except UnicodeDecodeError:
        return {"result_base64": b64encode(result).decode()}


def moment(seconds: float) -> str:
    """A time, to the second and where the terminal is; one that no calendar has as the number that it is."""
    try:
        return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f} seconds after 1970"


def counted(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_details(row: Row) -> None:
    """One row, a field a line; fields that are empty are left out."""
    shown = {name: value for name, value in row.items() if value not in (None, "", [])}
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        print_line(f"{name:{width}}  {in_words(name, value)}")


def in_words(name: str, value: object) -> str:
    """A field's value for people: times as they are there, and what is no text as JSON has it."""
    if isinstance(value, float) and name.endswith("_at"):
        return moment(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (bool, dict, list)) else str(value)


def print_line(text: str, *, err: bool = False) -> None:
    """Print a line for people; nothing that a peer chose is obeyed by their terminal."""
    click.echo(printable(text), err=err)


def cell(value: object) -> Text:
    """A value in a table; it is neither markup nor obeyed."""
    return Text(printable(str(value)))


class Payload:
    """Where results and workloads are written: to standard output, as the bytes that they are.

    On a terminal they are shown, and not obeyed: lines and tabs stay, the rest is escaped.
    """

    def __init__(self) -> None:
        self.is_terminal = sys.stdout.isatty()
        self.decoder = getincrementaldecoder("utf-8")("surrogateescape")

    def write(self, piece: bytes, *, apart: bool = False, last: bool = False) -> None:
        """Write a piece at once; on a terminal a character when it is whole, and ``apart`` on a line of its own."""
        if self.is_terminal:
            text = self.decoder.decode(piece, last)
            text = text.removesuffix("\n") + "\n" if apart else text
            piece = printable(text, lines=True).encode()
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def table(rows: Iterable[Row], columns: Sequence[Column]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        grid.add_column(column.heading, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        grid.add_row(*(cell(column.cell(row)) for column in columns))
    return grid


def console(stderr: bool = False) -> Console:
    """The terminal; in a file or a pipe, lines are as long as they are and have no colours."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if terminal else WITHOUT_END)


class Bar:
    """How far a job is, for a person: a bar on a terminal, else a line whenever it moves."""

    def __init__(self, label: str, progress: Progress, shown: bool) -> None:
        self.label = printable(label)
        self.progress = progress
        self.is_shown = shown
        self.task: TaskID = progress.add_task(self.label, total=None)
        self.shown = (0, 0)

    def show(self, numerator: int, denominator: int) -> None:
        """The worker said how far it is; a denominator of 0 means that it has not."""
        if not self.is_shown or (numerator, denominator) == self.shown:
            return
        self.shown = (numerator, denominator)
        if self.progress.console.is_terminal:
            self.progress.update(self.task, completed=numerator, total=denominator or None)
        else:
            self.progress.console.print(f"{self.label} {numerator}/{denominator}", markup=False)

    def finish(self) -> None:
        """The job is done, whatever its worker said last."""
        _, denominator = self.shown
        if denominator:
            self.show(denominator, denominator)
        else:
            self.progress.update(self.task, completed=1, total=1)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away while something else is written to the same terminal."""
        if not self.progress.live.is_started:
            yield
            return
        self.progress.stop()
        yield
        self.progress.start()


@contextmanager
def progress_bar(label: str, *, stderr: bool = True, shown: bool = True, stays: bool = True) -> Iterator[Bar]:
    """A bar that lives as long as the block, and then ``stays`` or not; on stderr, as stdout has the job's result."""
    screen = console(stderr)
    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=screen,
        disable=not (shown and screen.is_terminal),
        transient=not stays,
    )
    with progress:
        yield Bar(label, progress, shown)
