"""``geartrain jobs``: the jobs that servers have."""

from __future__ import annotations

import time
from base64 import b64decode
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.durations import duration, rounded
from geartrain.cli.groups import ListingGroup
from geartrain.cli.names import known_functions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Payload, Row, print_details, print_json, print_line
from geartrain.cli.questions import ask_each, ask_each_of, rows_of_each
from geartrain.cli.tables import print_rows
from geartrain.errors import GearmanError

MOST: Final = 100  # jobs that are listed without --limit
STATES: Final = ("queued", "delayed", "running")


@click.group("jobs", cls=ListingGroup, short_help="List, show and cancel jobs.")
def command() -> None:
    """List, show and cancel the jobs that servers have; without a COMMAND: list."""


@command.command("list")
@servers_option
@click.option(
    "-f", "--function", metavar="NAME", help="Only jobs of this function.", shell_complete=known_functions
)
@click.option("-s", "--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("-u", "--unique", metavar="U", help="Only jobs with this unique.")
@click.option("-w", "--worker", metavar="W", help="Only jobs that run at this worker: its id or host.")
@click.option("-p", "--priority", type=click.Choice(questions.PRIORITIES), help="Only such jobs.")
@click.option("--handle", metavar="H", help="Only jobs whose handle begins so.")
@click.option(
    "--older", "older_than", callback=duration, metavar="TIME", help="Submitted as long ago, such as 15m."
)
@click.option(
    "--younger", "younger_than", callback=duration, metavar="TIME", help="Submitted since, such as 15m."
)
@click.option("--limit", type=click.IntRange(1), default=MOST, metavar="N", help=f"At most so many [{MOST}].")
@json_option
def list_jobs(
    servers: tuple[str, ...], function: str | None, limit: int, as_json: bool, **wanted: str | float | None
) -> None:
    """List jobs, the oldest first."""
    given = {name: value for name, value in wanted.items() if value}
    rows = rows_of_each(
        servers,
        lambda server: (
            questions.jobs_like(server, {"function": function or "", **given}, limit)
            if given
            else questions.jobs(server, function or questions.ANY, limit)
        ),
    )
    print_rows(rows, COLUMNS, as_json, questions.number_of(servers))


@command.command("workload", short_help="Write what a job carries to standard output.")
@servers_option
@click.argument("handle")
@json_option
def workload(servers: tuple[str, ...], handle: str, as_json: bool) -> None:
    """Write what a job, or a dead letter, carries to standard output: 64 KiB of it at most."""
    row = found(ask_each_of(servers, questions.workload, handle), handle)
    if as_json:
        return print_json(row)
    content = content_of(row)
    Payload().write(content, last=True)
    if len(content) < row["workload_bytes"]:
        print_line(f"{len(content)} of {row['workload_bytes']} bytes", err=True)


def content_of(row: Row) -> bytes:
    """The workload in a row; raises GearmanError where the server cannot read it."""
    if "workload_base64" in row:
        return b64decode(row["workload_base64"])
    if row["workload"] is None:
        raise GearmanError(
            f"the workload of {row['handle']!r} cannot be read from the store", handle=row["handle"]
        )
    return str(row["workload"]).encode()


@command.command("show")
@servers_option
@click.argument("handle")
@json_option
def show(servers: tuple[str, ...], handle: str, as_json: bool) -> None:
    """Show all that is known of a job."""
    row = found(ask_each_of(servers, questions.job, handle), handle)
    if as_json:
        print_json(row)
    else:
        print_details(row)


@command.command("cancel")
@servers_option
@click.argument("handles", nargs=-1, metavar="[HANDLE...]")
@click.option("-u", "--unique", metavar="U", help="The job with this unique, of --function.")
@click.option(
    "-f", "--function", metavar="NAME", help="The function of --unique.", shell_complete=known_functions
)
@json_option
def cancel(
    servers: tuple[str, ...],
    handles: tuple[str, ...],
    unique: str | None,
    function: str | None,
    as_json: bool,
) -> None:
    """Take jobs from their queues, or from the clients that wait for them."""
    if (unique is None) != (function is None) or bool(handles) == bool(unique):
        raise click.UsageError("expected HANDLEs, or --unique U and --function NAME")
    if unique is not None and function is not None:
        rows = ask_each(servers, lambda server: questions.cancel_unique(server, function, unique))
        if not rows:
            raise GearmanError(f"no server knows a job of {function!r} with the unique {unique!r}")
        return tell_cancelled(rows, as_json)
    absent = []
    for handle in handles:
        rows = ask_each_of(servers, questions.cancel, handle)
        tell_cancelled(rows, as_json)
        if not rows:
            absent.append(handle)
    if absent:
        raise GearmanError(f"no server knows the job {', '.join(map(repr, absent))}")


def tell_cancelled(rows: list[Row], as_json: bool) -> None:
    for row in rows:
        if as_json:
            print_json(row)
        else:
            print_line(f"{row['handle']}: cancelled")


def found(rows: list[Row], handle: str) -> Row:
    if not rows:
        raise GearmanError(f"no server knows the job {handle!r}", handle=handle)
    return rows[0]


def progress(row: Row) -> str:
    return f"{row['numerator']}/{row['denominator']}" if row["denominator"] else ""


def age(row: Row, since: str = "submitted_at") -> str:
    """How long ago the job came, in the largest unit that fits; empty where the server does not say."""
    then = row.get(since)
    if not isinstance(then, (int, float)):
        return ""
    return rounded(time.time() - then)


COLUMNS: Final = (
    Column("HANDLE", lambda row: row["handle"]),
    Column("FUNCTION", lambda row: row.get("function", "")),
    Column("STATE", lambda row: row["state"]),
    Column("PROGRESS", progress, right=True),
    Column("PRIORITY", lambda row: row.get("priority", "")),
    Column("AGE", age, right=True),
    Column("WORKER", lambda row: row.get("worker") or ""),
)
