"""``geartrain workers``: who is connected to work."""

from __future__ import annotations

from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, print_rows
from geartrain.cli.questions import ask_each


@click.command("workers", short_help="List the workers.")
@servers_option
@json_option
def command(servers: tuple[str, ...], as_json: bool) -> None:
    """List the workers: the connections that can do a function."""
    print_rows([row for row in ask_each(servers, questions.peers) if row["functions"]], COLUMNS, as_json)


def state(row: Row) -> str:
    """What the worker does; empty where the server does not say."""
    if row.get("running"):
        return "running " + " ".join(row["running"])
    if "asleep" not in row:
        return ""
    return "asleep" if row["asleep"] else "awake"


def functions(row: Row) -> str:
    return " ".join(row["functions"])


COLUMNS: Final = (
    Column("ID", lambda row: row["id"]),
    Column("HOST", lambda row: row["host"]),
    Column("STATE", state),
    Column("FUNCTIONS", functions),
)
