"""``geartrain dead``: background jobs that ended badly and are kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.groups import ListingGroup
from geartrain.cli.jobs import MOST, age
from geartrain.cli.names import known_functions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, counted, print_details, print_json, print_line
from geartrain.cli.questions import ask_each_of, rows_of_each
from geartrain.cli.tables import print_rows
from geartrain.errors import GearmanError
from geartrain.sync.admin import Admin

LONGEST_ERROR: Final = 60  # letters of it in the list

handles_argument: Final = click.argument("handles", nargs=-1, metavar="[HANDLE...]")
function_option: Final = click.option(
    "-f", "--function", metavar="NAME", help="All of this function.", shell_complete=known_functions
)
all_option: Final = click.option("--all", "every", is_flag=True, help="All there are.")


@click.group("dead", cls=ListingGroup, short_help="List, show, retry and discard dead letters.")
def command() -> None:
    """Background jobs that ended badly and are kept, by their function's policy; without a COMMAND: list."""


@command.command("list")
@servers_option
@click.option(
    "-f",
    "--function",
    default=questions.ANY,
    metavar="NAME",
    help="Only those of this function.",
    shell_complete=known_functions,
)
@click.option("--limit", type=click.IntRange(1), default=MOST, metavar="N", help=f"At most so many [{MOST}].")
@json_option
def list_dead(servers: tuple[str, ...], function: str, limit: int, as_json: bool) -> None:
    """List dead letters, the oldest first."""
    rows = rows_of_each(servers, lambda server: questions.dead(server, function, limit))
    print_rows(rows, COLUMNS, as_json, questions.number_of(servers))


@command.command("show")
@servers_option
@click.argument("handle")
@json_option
def show(servers: tuple[str, ...], handle: str, as_json: bool) -> None:
    """Show why a job is dead, and its workload."""
    rows = ask_each_of(servers, questions.dead_letter, handle)
    if not rows:
        raise missing([handle])
    if as_json:
        print_json(rows[0])
    else:
        print_details(rows[0])


@command.command("retry")
@servers_option
@handles_argument
@function_option
@all_option
@json_option
def retry(
    servers: tuple[str, ...], handles: tuple[str, ...], function: str | None, every: bool, as_json: bool
) -> None:
    """Queue dead letters again, as if their jobs had never run."""
    change(servers, targets(handles, function, every), questions.retry_dead, "retried", as_json)


@command.command("discard")
@servers_option
@handles_argument
@function_option
@all_option
@json_option
def discard(
    servers: tuple[str, ...], handles: tuple[str, ...], function: str | None, every: bool, as_json: bool
) -> None:
    """Forget dead letters."""
    change(servers, targets(handles, function, every), questions.discard_dead, "discarded", as_json)


def targets(handles: tuple[str, ...], function: str | None, every: bool) -> list[str]:
    """Which dead letters are meant, as the server is asked for them."""
    if (bool(handles), function is not None, every).count(True) != 1:
        raise click.UsageError("expected HANDLEs, --function NAME or --all, and one of these only")
    if handles:
        return list(handles)
    return [questions.ANY if function is None else function]


def change(
    servers: tuple[str, ...],
    targets: list[str],
    question: Callable[[Admin, str], list[Row]],
    done: str,
    as_json: bool,
) -> None:
    """Ask every server for a change of each target; fails when there was none of one."""
    absent = []
    for target in targets:
        rows = ask_each_of(servers, question, target)
        for row in rows:
            if as_json:
                print_json(row)
            else:
                whose = "" if target == questions.ANY else f"{target}: "
                print_line(f"{whose}{counted(row[done], 'dead letter')} {done} on {row['server']}")
        if not rows:
            absent.append(target)
    if absent:
        raise missing(absent)


def missing(targets: list[str]) -> GearmanError:
    return GearmanError(f"no server has a dead letter of {', '.join(map(repr, targets))}")


def error(row: Row) -> str:
    """The first line of what the worker said, as far as it fits."""
    first = next(iter(row["error"].splitlines()), "")
    return first if len(first) <= LONGEST_ERROR else first[: LONGEST_ERROR - 1] + "…"


COLUMNS: Final = (
    Column("HANDLE", lambda row: row["handle"]),
    Column("FUNCTION", lambda row: row["function"]),
    Column("REASON", lambda row: row["reason"]),
    Column("ATTEMPTS", lambda row: row["attempts"], right=True),
    Column("AGE", lambda row: age(row, "died_at"), right=True),
    Column("WORKER", lambda row: row["worker"] or ""),
    Column("ERROR", error),
)
