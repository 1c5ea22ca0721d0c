"""The servers at a glance: what ``geartrain top`` shows where there is no terminal."""

from __future__ import annotations

from itertools import chain, islice
from typing import Final

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from geartrain.cli import functions, jobs, questions
from geartrain.cli.output import Row, cell, table
from geartrain.printable import printable
from geartrain.sync.admin import Admin

MOST: Final = 15  # rows of a table
BAR_WIDTH: Final = 24  # columns


def glance(server: Admin) -> list[Row]:
    """All that is shown of a server, in a row; only our own server says which jobs run."""
    workers = [row for row in questions.peers(server) if row["functions"]]
    running = chain.from_iterable(row.get("running", ()) for row in workers)
    return [
        {
            "version": server.version(),
            "functions": questions.functions(server),
            "running": [row for handle in islice(running, MOST) for row in questions.job(server, handle)],
            "workers": len(workers),
        }
    ]


def picture(rows: list[Row]) -> RenderableType:
    return Group(*(part for row in rows for part in parts(row)))


def parts(row: Row) -> list[RenderableType]:
    """A server: a headline, its busiest functions, its running jobs."""
    busiest = sorted(row["functions"], key=busyness, reverse=True)[:MOST]
    queued = sum(sum(function["queued"].values()) for function in row["functions"])
    running = sum(function["running"] for function in row["functions"])
    headline = Text.assemble(
        (printable(row["server"]), "bold cyan"),
        f"  version {printable(row['version'])}  queued {queued}  running {running}  workers {row['workers']}\n",
    )
    shown: list[RenderableType] = [headline, table(busiest, functions.COLUMNS), ""]
    return [*shown, jobs_table(row["running"]), ""] if row["running"] else shown


def busyness(function: Row) -> tuple[int, int, int]:
    return function["running"], sum(function["queued"].values()), function["workers"]


def jobs_table(running: list[Row]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("RUNNING", "FUNCTION", "PROGRESS", "", "AGE", "WORKER"):
        grid.add_column(heading)
    for job in running:
        bar = ProgressBar(total=job["denominator"] or 1, completed=job["numerator"], width=BAR_WIDTH)
        grid.add_row(
            *map(cell, (job["handle"], job["function"])),
            bar,
            *map(cell, (jobs.progress(job), jobs.age(job), job["worker"] or "")),
        )
    return grid
