"""``geartrain jobs``: the jobs that servers have."""

from __future__ import annotations

import time
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.groups import ListingGroup
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, in_words, print_details, print_json, print_rows
from geartrain.cli.questions import ask_each
from geartrain.errors import GearmanError

MOST: Final = 100  # jobs that are listed without --limit


@click.group("jobs", cls=ListingGroup, short_help="List, show and cancel jobs.")
def command() -> None:
    """List, show and cancel the jobs that servers have; without a COMMAND: list."""


@command.command("list")
@servers_option
@click.option("-f", "--function", default=questions.ANY, metavar="NAME", help="Only jobs of this function.")
@click.option("--limit", type=click.IntRange(1), default=MOST, metavar="N", help=f"At most so many [{MOST}].")
@json_option
def list_jobs(servers: tuple[str, ...], function: str, limit: int, as_json: bool) -> None:
    """List jobs, the oldest first."""
    rows = ask_each(servers, lambda server: questions.jobs(server, function, limit))
    print_rows(rows, COLUMNS, as_json)


@command.command("show")
@servers_option
@click.argument("handle")
@json_option
def show(servers: tuple[str, ...], handle: str, as_json: bool) -> None:
    """Show all that is known of a job."""
    row = found(ask_each(servers, lambda server: questions.job(server, handle)), handle)
    if as_json:
        print_json(row)
    else:
        print_details(row)


@command.command("cancel")
@servers_option
@click.argument("handle")
@json_option
def cancel(servers: tuple[str, ...], handle: str, as_json: bool) -> None:
    """Take a job from its queue, or from the clients that wait for it."""
    row = found(ask_each(servers, lambda server: questions.cancel(server, handle)), handle)
    if as_json:
        print_json(row)
    else:
        click.echo(f"{handle}: cancelled")


def found(rows: list[Row], handle: str) -> Row:
    if not rows:
        raise GearmanError(f"no server knows the job {handle!r}", handle=handle)
    return rows[0]


def progress(row: Row) -> str:
    return f"{row['numerator']}/{row['denominator']}" if row["denominator"] else ""


def age(row: Row) -> str:
    """How long ago the job came, in the largest unit that fits; empty where the server does not say."""
    submitted = row.get("submitted_at")
    if not isinstance(submitted, (int, float)):
        return ""
    return in_words(time.time() - submitted)


COLUMNS: Final = (
    Column("HANDLE", lambda row: row["handle"]),
    Column("FUNCTION", lambda row: row.get("function", "")),
    Column("STATE", lambda row: row["state"]),
    Column("PROGRESS", progress, right=True),
    Column("PRIORITY", lambda row: row.get("priority", "")),
    Column("AGE", age, right=True),
    Column("WORKER", lambda row: row.get("worker") or ""),
)
