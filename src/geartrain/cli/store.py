"""``geartrain store``: what became of a server's file of jobs."""

from __future__ import annotations

import time
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.options import json_option, servers_option, store_file, store_option
from geartrain.cli.output import Column, Row, print_json, print_line
from geartrain.cli.questions import ask_each
from geartrain.cli.tables import print_rows
from geartrain.errors import StoreError
from geartrain.store.checksums import named
from geartrain.store.dump import others_set_aside, set_aside
from geartrain.store.snapshot import snapshot
from geartrain.sync.admin import Admin

RUNNING: Final = "running"
PAUSE: Final = 0.2  # seconds between two looks


@click.group("store", short_help="Mend a server's file of jobs, and list damaged rows.")
def command() -> None:
    """Mend a server's file of jobs, and list damaged rows."""


@command.command("reattach", short_help="Write all jobs to a new file, as the server's is lost.")
@servers_option
@json_option
def reattach(servers: tuple[str, ...], as_json: bool) -> None:
    """Have a server write all its jobs to a new file, when its own was removed, replaced, cut or protected.

    The new file takes the old one's name. What is there is renamed to NAME.aside-TIME.
    """
    for row in ask_each(servers, renew):
        if as_json:
            print_json(row)
        else:
            print_line(f"{row['server']}: its jobs are in a new file")


def renew(server: Admin) -> list[Row]:
    """Ask a server for a new file, and wait until it is there; raises GearmanError and StoreError."""
    server.json_lines("store-reattach")
    while True:
        (row,) = questions.ours(server, "stats") or [{}]
        if row.get("renewal") != RUNNING:
            break
        time.sleep(PAUSE)
    if row.get("renewal") != "done":
        raise StoreError(f"there is no new file: {row.get('renewal')}")
    return [{"renewal": "done"}]


@command.command("damaged", short_help="List the damaged rows of a file of jobs.")
@store_option
@json_option
def damaged(store: str | None, as_json: bool) -> None:
    """List the rows of a file of jobs that are not what was written. Nobody uses them.

    geartrain export --set-aside has the bytes of the jobs among them.
    """
    path = store_file(store)
    with snapshot(path) as connection:
        found = [(named(row.number, row.head), row.reason) for row in set_aside(connection)]
        found += [(row.name(), row.reason) for row in others_set_aside(connection)]
    rows: list[Row] = [{"server": path, "row": row, "reason": reason} for row, reason in found]
    print_rows(rows, COLUMNS, as_json)


COLUMNS: Final = (
    Column("ROW", lambda row: row["row"]),
    Column("REASON", lambda row: row["reason"]),
)
