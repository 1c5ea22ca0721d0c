"""``geartrain top``: the servers at a glance, live."""

from __future__ import annotations

import time
from itertools import chain, islice
from typing import Final

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from geartrain.cli import functions, jobs, questions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Row, console, print_json, table
from geartrain.cli.questions import ask_each
from geartrain.errors import ConnectError, ConnectionLost
from geartrain.sync.admin import Admin

INTERVAL: Final = 1.0  # seconds
MOST: Final = 15  # rows of a table
BAR_WIDTH: Final = 24  # columns


@click.command("top", short_help="Watch the servers.")
@servers_option
@json_option
def command(servers: tuple[str, ...], as_json: bool) -> None:
    """Watch functions and running jobs until Ctrl-C; without a terminal, or as JSON, show them once."""
    screen = console()
    rows = ask_each(servers, glance)
    if as_json:
        for row in rows:
            print_json(row)
    elif not screen.is_terminal:
        screen.print(picture(rows))
    else:
        with Live(picture(rows), console=screen, screen=True, auto_refresh=False) as live:
            while True:
                time.sleep(INTERVAL)
                live.update(latest(servers), refresh=True)


def latest(servers: tuple[str, ...]) -> RenderableType:
    """The picture now; a server that is away is news, not the end."""
    try:
        return picture(ask_each(servers, glance))
    except (ConnectError, ConnectionLost) as error:
        return Text(str(error), style="bold red")


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
        (row["server"], "bold cyan"),
        f"  version {row['version']}  queued {queued}  running {running}  workers {row['workers']}\n",
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
            *map(Text, (job["handle"], job["function"])),
            bar,
            *map(Text, (jobs.progress(job), jobs.age(job), job["worker"] or "")),
        )
    return grid
