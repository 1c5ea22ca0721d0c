"""How ``geartrain top`` looks: as many lines as the terminal has, whatever there is to show."""

from __future__ import annotations

from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from geartrain.cli.board import HELP, Board
from geartrain.cli.output import SERVER, cell
from geartrain.cli.panes import JOBS, PANES, Filter
from geartrain.cli.rates import total_rate
from geartrain.printable import printable

AROUND: Final = 5  # lines beside the rows: two of the servers, the panes, the headings, the keys
LEAST: Final = 1


def draw(board: Board, height: int) -> RenderableType:
    """The whole screen."""
    room = max(height - AROUND, LEAST)
    told = HELP.splitlines()[: room + 1]
    body = Text("\n".join(told), no_wrap=True, overflow="ellipsis") if board.help else rows(board, room)
    lines = len(told) if board.help else min(len(board.rows[board.pane.name]), room) + 1
    gap = [Text("")] * max(room + 1 - lines, 0)
    parts = [servers(board), sums(board), tabs(board), body, *gap, footer(board)]
    return Group(*parts)


def line(*parts: str | tuple[str, str]) -> Text:
    """One line, cut where the terminal ends."""
    safe = [printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts]
    text = Text.assemble(*safe, no_wrap=True, overflow="ellipsis")
    text.end = "\n"
    return text


def servers(board: Board) -> Text:
    """The servers that are watched; the first that does not answer instead."""
    if board.faults:
        return line((board.faults[0], "bold red"))
    named = [f"{name} ({board.versions.get(name, '?')})" for name in board.servers]
    return line(("geartrain top  ", "bold"), "  ".join(named))


def sums(board: Board) -> Text:
    """All functions in a line."""
    functions = board.functions
    queued = sum(sum(row["queued"].values()) for row in functions)
    running = sum(row["running"] for row in functions)
    parts = [f"queued {queued:,}", f"running {running:,}"]
    if any("totals" in row for row in functions):
        came, done, failed = (total_rate(functions, name) for name in ("submitted", "completed", "failed"))
        parts += [f"in {came:,.1f}/s", f"done {done:,.1f}/s", f"failed {failed:,.1f}/s"]
    return line("   ".join(parts))


def tabs(board: Board) -> Text:
    """The panes, and what is shown of the jobs."""
    parts: list[str | tuple[str, str]] = []
    for number, pane in enumerate(PANES, 1):
        style = "bold reverse" if pane is board.pane else ""
        parts += [(f" {number} {pane.name} ", style), " "]
    if board.pane is JOBS and board.filter != Filter():
        wanted = [word for word in (board.filter.state, board.filter.function) if word]
        parts.append((f" only {' '.join(wanted)}", "yellow"))
    return line(*parts)


def footer(board: Board) -> Text:
    """What the keys do here; what was done or asked comes first."""
    if board.question:
        text = line((board.question, "bold yellow"))
    elif board.message:
        text = line((board.message, "bold"))
    else:
        text = line((f"{board.pane.keys}  Tab next  ? help  q quit", "dim"))
    text.end = ""
    return text


def rows(board: Board, room: int) -> Table:
    """The rows around the chosen one, as many as fit."""
    pane = board.pane
    several = len(board.servers) > 1
    columns = (SERVER, *pane.columns) if several else pane.columns
    grid = Table(box=None, expand=True, pad_edge=False, header_style="bold")
    for place, column in enumerate(columns):
        grid.add_column(
            column.heading,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            ratio=1 if place == len(columns) - 1 else None,
        )
    chosen = board.chosen[pane.name]
    first = max(min(chosen - room // 2, len(board.rows[pane.name]) - room), 0)
    for place, row in enumerate(board.rows[pane.name][first : first + room], first):
        style = "reverse" if place == chosen else pane.style(row)
        grid.add_row(*(cell(column.cell(row)) for column in columns), style=style)
    return grid
