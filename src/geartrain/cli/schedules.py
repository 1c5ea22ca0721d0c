"""``geartrain schedules``: jobs that a server submits again and again."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Final

import click

from geartrain.cli.durations import exactly, rounded
from geartrain.cli.groups import ListingGroup
from geartrain.cli.names import function_argument
from geartrain.cli.options import json_option, servers_option, workload_of
from geartrain.cli.output import Column, Row, moment, print_json, print_line
from geartrain.cli.questions import PRIORITIES, ask_each
from geartrain.cli.secrecy import tls_given
from geartrain.cli.tables import print_rows
from geartrain.errors import GearmanError, ServerError, SettingsError
from geartrain.protocol.servers import parse_servers
from geartrain.sync.admin import Admin

CATCH_UPS: Final = ("last", "skip", "all")


@click.group("schedules", cls=ListingGroup, short_help="List, add, run, remove, pause and resume schedules.")
def command() -> None:
    """Jobs that servers submit by a cron line or at an interval; without a COMMAND: list.

    Those of the server's configuration file are listed, run, paused and resumed here, too.
    """


@command.command("list", short_help="List the schedules.")
@servers_option
@json_option
def list_schedules(servers: tuple[str, ...], as_json: bool) -> None:
    """List the schedules, with when they were and will be due in local time."""
    print_rows(ask_each(servers, rows_of), COLUMNS, as_json)


@command.command("add", short_help="Add or change a schedule.")
@servers_option
@click.argument("name")
@function_argument
@click.argument("workload", required=False, default="")
@click.option(
    "--cron", default="", metavar="LINE", help="When: minute, hour, day, month, weekday; or @daily etc."
)
@click.option("--every", default="", metavar="INTERVAL", help="When: at multiples of 90, 90s, 5m, 12h or 1d.")
@click.option("--timezone", default="", metavar="NAME", help="Of the cron line. Without it: the server's.")
@click.option("--priority", type=click.Choice(PRIORITIES), default="normal", help="Which queue jobs wait in.")
@click.option("-u", "--unique", default="", metavar="U", help="A tick joins the run still under way.")
@click.option(
    "--catch-up", type=click.Choice(CATCH_UPS), default="last", help="Ticks to do of those missed [last]."
)
@json_option
def add(
    servers: tuple[str, ...], name: str, function: str, workload: str, as_json: bool, **when: Any
) -> None:
    """Add a schedule to a server, the first one where there are several, or change one that was added so.

    A WORKLOAD that is a dash is standard input.
    """
    if bool(when["cron"]) == bool(when["every"]):
        raise click.UsageError("expected --cron LINE or --every INTERVAL, and not both")
    sent = workload_of(workload) if workload == "-" else workload
    server = parse_servers(servers or None, os.environ)[0].name
    with Admin(server, tls=tls_given()) as admin:
        try:
            row = admin.add_schedule(name, function, sent, **when)
        except ServerError as error:
            raise usage(error) from None
    done({"server": server, **row}, "added", as_json)


@command.command("run", short_help="Submit a schedule's job now.")
@servers_option
@click.argument("name")
@json_option
def run(servers: tuple[str, ...], name: str, as_json: bool) -> None:
    """Submit a schedule's job now and print its handle, whether or not the schedule is paused."""
    for row in on_each(servers, name, Admin.run_schedule):
        if as_json:
            print_json({"server": row["server"], "name": name, "handle": row["answer"]})
        else:
            print_line(str(row["answer"]))


@command.command("remove")
@servers_option
@click.argument("name")
@json_option
def remove(servers: tuple[str, ...], name: str, as_json: bool) -> None:
    """Remove a schedule that was added; its jobs go on."""
    change(servers, name, Admin.remove_schedule, "removed", as_json)


@command.command("pause")
@servers_option
@click.argument("name")
@json_option
def pause(servers: tuple[str, ...], name: str, as_json: bool) -> None:
    """Let a schedule rest until it is resumed."""
    change(servers, name, Admin.pause_schedule, "paused", as_json)


@command.command("resume", short_help="Let a schedule go on.")
@servers_option
@click.argument("name")
@json_option
def resume(servers: tuple[str, ...], name: str, as_json: bool) -> None:
    """Let a schedule go on; what it missed meanwhile is caught up as its --catch-up says."""
    change(servers, name, Admin.resume_schedule, "resumed", as_json)


# What they share


def rows_of(admin: Admin) -> list[Row]:
    return list(admin.schedules())


def change(
    servers: tuple[str, ...], name: str, question: Callable[[Admin, str], object], event: str, as_json: bool
) -> None:
    """Change a schedule wherever it is, and say so."""
    for row in on_each(servers, name, question):
        done({"server": row["server"], "name": name, event: True}, event, as_json)


def on_each(servers: tuple[str, ...], name: str, question: Callable[[Admin, str], object]) -> list[Row]:
    """The ``answer`` of each server that has a schedule of that name; raises GearmanError where none has."""

    def ask(admin: Admin) -> list[Row]:
        try:
            return [{"answer": question(admin, name)}]
        except ServerError as error:
            if error.error_code != "UNKNOWN_SCHEDULE":
                raise usage(error) from None
        return []

    rows = ask_each(servers, ask)
    if not rows:
        raise GearmanError(f"no server has a schedule named {name!r}")
    return rows


def usage(error: ServerError) -> GearmanError:
    """What a server refused for a wrong argument is wrong usage here."""
    return SettingsError(error.text) if error.error_code == "INVALID_ARGUMENTS" else error


def done(row: Row, event: str, as_json: bool) -> None:
    """Say what was done."""
    if as_json:
        print_json(row)
    else:
        coming = f", next {due(row['next_at'])}" if row.get("next_at") else ""
        print_line(f"{row['name']}: {event} on {row['server']}{coming}")


# How rows are shown


def when(row: Row) -> str:
    """A cron line with its time zone, or an interval."""
    if row["every"]:
        return f"every {exactly(row['every'])}"
    return f"{row['cron']} {row['timezone'] or ''}".strip()


def next_due(row: Row) -> str:
    return "paused" if row["paused"] else due(row["next_at"])


def last_due(row: Row) -> str:
    return due(row["last_at"])


def due(clock: float | None) -> str:
    """A Unix time in local time, and how far away it is; empty where there is none."""
    if clock is None:
        return ""
    local = moment(clock)
    ahead = clock - time.time()
    return f"{local} (in {rounded(ahead)})" if ahead >= 0 else f"{local} ({rounded(-ahead)} ago)"


COLUMNS: Final = (
    Column("NAME", lambda row: row["name"]),
    Column("FUNCTION", lambda row: row["function"]),
    Column("WHEN", when),
    Column("NEXT", next_due),
    Column("LAST", last_due),
    Column("FIRED", lambda row: row["fired"], right=True),
    Column("FROM", lambda row: row["origin"]),
)
