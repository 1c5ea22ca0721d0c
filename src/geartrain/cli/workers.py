"""``geartrain workers``: who is connected to work, and who shall get no more of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.durations import rounded_since
from geartrain.cli.groups import ListingGroup
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, print_json, print_line
from geartrain.cli.questions import ask_each, ask_each_of
from geartrain.cli.tables import print_rows
from geartrain.errors import GearmanError
from geartrain.sync.admin import Admin

MOST: Final = 3  # jobs of a worker that are named

workers_argument: Final = click.argument("workers", nargs=-1, required=True, metavar="WORKER...")


@click.group("workers", cls=ListingGroup, short_help="List the workers, and drain them.")
def command() -> None:
    """List the workers, and say which of them get no more jobs; without a COMMAND: list."""


@command.command("list")
@servers_option
@json_option
def list_workers(servers: tuple[str, ...], as_json: bool) -> None:
    """List the workers: the connections that can do a function."""
    print_rows([row for row in ask_each(servers, questions.peers) if row["functions"]], COLUMNS, as_json)


@command.command("drain")
@servers_option
@workers_argument
@json_option
def drain(servers: tuple[str, ...], workers: tuple[str, ...], as_json: bool) -> None:
    """Give workers, by number or id, no new jobs; what they run may end."""
    change(servers, workers, questions.drain_workers, "drained", as_json)


@command.command("resume")
@servers_option
@workers_argument
@json_option
def resume(servers: tuple[str, ...], workers: tuple[str, ...], as_json: bool) -> None:
    """Give workers, by number or id, jobs again."""
    change(servers, workers, questions.resume_workers, "resumed", as_json)


def change(
    servers: tuple[str, ...],
    workers: tuple[str, ...],
    question: Callable[[Admin, str], list[Row]],
    done: str,
    as_json: bool,
) -> None:
    """Ask for all of the workers, and say what was done."""
    absent = []
    for worker in workers:
        rows = ask_each_of(servers, question, worker)
        for row in rows:
            if as_json:
                print_json(row)
            else:
                print_line(f"{row['number']} {row['id']}: {done}")
        if not rows:
            absent.append(worker)
    if absent:
        raise GearmanError(f"no server has the worker {', '.join(map(repr, absent))}")


def state(row: Row) -> str:
    """What the worker does; empty where the server does not say."""
    if "asleep" not in row:
        return ""
    return f"{doing(row)}, draining" if row["draining"] else doing(row)


def doing(row: Row) -> str:
    if not row["running"]:
        return "asleep" if row["asleep"] else "awake"
    named = [f"{job['handle']} ({rounded_since(job['started_at'])})" for job in row["jobs"][:MOST]]
    more = row["running_count"] - len(named)
    return " ".join(["running", *named, *([f"and {more} more"] if more else [])])


def functions(row: Row) -> str:
    return " ".join(row["functions"])


COLUMNS: Final = (
    Column("NUMBER", lambda row: row["number"], right=True),
    Column("ID", lambda row: row["id"]),
    Column("HOST", lambda row: row["host"]),
    Column("STATE", state),
    Column("FUNCTIONS", functions),
)
