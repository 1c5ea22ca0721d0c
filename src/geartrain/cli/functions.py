"""``geartrain functions``: what servers have queued for each function, and who works on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.groups import ListingGroup
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, print_json, print_rows
from geartrain.cli.questions import ask_each
from geartrain.sync.admin import Admin


@click.group("functions", cls=ListingGroup, short_help="List, limit, create and drop functions.")
def command() -> None:
    """List, limit, create and drop the functions that servers know; without a COMMAND: list."""


@command.command("list")
@servers_option
@json_option
def list_functions(servers: tuple[str, ...], as_json: bool) -> None:
    """List the functions with their jobs and workers."""
    rows = sorted(ask_each(servers, questions.functions), key=lambda row: str(row["function"]))
    print_rows(rows, COLUMNS, as_json)


@command.command("maxqueue")
@servers_option
@click.argument("function")
@click.argument("numbers", nargs=-1, type=click.IntRange(0), metavar="[N | HIGH NORMAL LOW]")
@json_option
def maxqueue(servers: tuple[str, ...], function: str, numbers: tuple[int, ...], as_json: bool) -> None:
    """Limit how many jobs may be queued: of each priority, or high, normal and low; 0 or nothing: no limit."""
    tell(servers, lambda server: questions.limit(server, function, numbers), "limited", as_json)


@command.command("create")
@servers_option
@click.argument("function")
@json_option
def create(servers: tuple[str, ...], function: str, as_json: bool) -> None:
    """Make a function known before anybody works on it or asks for it."""
    tell(servers, lambda server: questions.create(server, function), "created", as_json)


@command.command("drop")
@servers_option
@click.argument("function")
@json_option
def drop(servers: tuple[str, ...], function: str, as_json: bool) -> None:
    """Forget a function that has no workers, with its queued jobs."""
    tell(servers, lambda server: questions.drop(server, function), "dropped", as_json)


def tell(servers: tuple[str, ...], question: Callable[[Admin], list[Row]], done: str, as_json: bool) -> None:
    """Ask for a change on every server, and say that it was made."""
    for row in ask_each(servers, question):
        if as_json:
            print_json(row)
        else:
            click.echo(f"{row['function']}: {done} on {row['server']}")


def queued(row: Row) -> str:
    return "/".join(str(row["queued"][priority]) for priority in questions.PRIORITIES)


def limits(row: Row) -> str:
    """The limit of each priority, empty where there is none at all."""
    given = [row.get("max_queue", {}).get(priority, 0) for priority in questions.PRIORITIES]
    return "/".join(str(number or "-") for number in given) if any(given) else ""


COLUMNS: Final = (
    Column("FUNCTION", lambda row: row["function"]),
    Column("QUEUED h/n/l", queued, right=True),
    Column("DELAYED", lambda row: row.get("delayed", ""), right=True),
    Column("RUNNING", lambda row: row["running"], right=True),
    Column("WORKERS", lambda row: row["workers"], right=True),
    Column("MAXQUEUE h/n/l", limits, right=True),
)
