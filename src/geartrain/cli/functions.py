"""``geartrain functions``: what servers have queued for each function, and who works on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click

from geartrain.cli import questions
from geartrain.cli.durations import duration
from geartrain.cli.fields import fields_of, flattened
from geartrain.cli.groups import ListingGroup
from geartrain.cli.names import function_argument, known_functions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Column, Row, counted, print_details, print_json, print_line
from geartrain.cli.questions import ask_each, ask_each_of
from geartrain.cli.tables import print_rows
from geartrain.errors import GearmanError
from geartrain.sync.admin import Admin

functions_argument: Final = click.argument(
    "functions", nargs=-1, required=True, metavar="FUNCTION...", shell_complete=known_functions
)


@click.group("functions", cls=ListingGroup, short_help="List functions, and say how they are served.")
def command() -> None:
    """List the functions that servers know, and say how they are served; without a COMMAND: list."""


@command.command("list")
@servers_option
@json_option
def list_functions(servers: tuple[str, ...], as_json: bool) -> None:
    """List the functions with their jobs and workers."""
    rows = sorted(ask_each(servers, questions.functions), key=lambda row: str(row["function"]))
    print_rows(rows, COLUMNS, as_json)


@command.command("maxqueue", short_help="Limit how many jobs may be queued.")
@servers_option
@function_argument
@click.argument("numbers", nargs=-1, type=click.IntRange(0), metavar="[N | HIGH NORMAL LOW]")
@json_option
def maxqueue(servers: tuple[str, ...], function: str, numbers: tuple[int, ...], as_json: bool) -> None:
    """Limit how many jobs may be queued: of each priority, or high, normal and low; 0 or nothing: no limit."""
    rows = ask_each(servers, lambda server: questions.limit(server, function, numbers))
    tell(rows, "limited", as_json)


@command.command("create")
@servers_option
@function_argument
@json_option
def create(servers: tuple[str, ...], function: str, as_json: bool) -> None:
    """Make a function known before anybody works on it or asks for it."""
    tell(ask_each_of(servers, questions.create, function), "created", as_json)


@command.command("drop")
@servers_option
@function_argument
@json_option
def drop(servers: tuple[str, ...], function: str, as_json: bool) -> None:
    """Forget a function that has no workers, with its queued jobs."""
    tell(ask_each_of(servers, questions.drop, function), "dropped", as_json)


@command.command("show")
@servers_option
@function_argument
@json_option
def show(servers: tuple[str, ...], function: str, as_json: bool) -> None:
    """Show a function's queues, and the policy that holds for it.

    A function that is not known yet is shown where a policy is set for just its name.
    """
    rows = ask_each_of(servers, questions.function, function)
    if not rows:
        raise GearmanError(f"no server knows the function {function!r}, and no policy is set for it")
    for row in rows:
        if as_json:
            print_json(row)
        else:
            print_details(details(row))


def details(row: Row) -> Row:
    """A function's row for a person: what is zero is left out, and each field of its policy is a line."""
    shown = {name: value for name, value in row.items() if value and not isinstance(value, dict)}
    set_later = flattened(row["set"])
    policy = {
        name: f"{value} (set at run time)" if name in set_later else value
        for name, value in flattened(row["policy"]).items()
    }
    queues = {"queued h/n/l": queued(row), "maxqueue h/n/l": limits(row)} if "queued" in row else {}
    return {**shown, **queues, **policy}


@command.command("set", short_help="Set fields of a function's policy.")
@servers_option
@function_argument
@click.argument("fields", nargs=-1, required=True, metavar="KEY=VALUE...")
@json_option
def set_fields(servers: tuple[str, ...], function: str, fields: tuple[str, ...], as_json: bool) -> None:
    """Set fields of a function's policy, over those of the server's configuration; KEY= takes one back.

    FUNCTION may be a wildcard, such as 'thumb*'. The fields, with times such as 90, 90s, 15m, 2h or 7d:

    \b
    retry.attempts=N     most executions of a job
    retry.on=WORDS       of lost, timeout, fail, exception; with commas
    retry.backoff=WORD   fixed or exponential
    retry.delay=TIME     before the second execution
    retry.max_delay=TIME
    retry.jitter=PART    of a delay left out at random, 0 to 1
    retry.foreground=BOOL
    timeout=TIME         that an execution may take
    on_timeout=WORD      requeue or fail
    ttl=TIME             that a job may wait in the queue
    max_running=N        jobs at a time
    rate=N/s             or N/m or N/h: jobs handed out
    max_queue=N          or max_queue.high, .normal, .low
    keep_result=TIME
    dead_letter=BOOL     keep background jobs that end badly
    paused=BOOL          hand nothing out
    draining=BOOL        take no new jobs
    """
    chosen = fields_of(fields)
    for row in ask_each(servers, lambda server: questions.set_policy(server, function, chosen)):
        if as_json:
            print_json(row)
            continue
        holds = " ".join(f"{name}={value}" for name, value in flattened(row["policy"]).items())
        print_line(f"{function}: {holds or 'no policy'} on {row['server']}")


@command.command("pause", short_help="Hand out no jobs of a function.")
@servers_option
@functions_argument
@json_option
def pause(servers: tuple[str, ...], functions: tuple[str, ...], as_json: bool) -> None:
    """Hand out no jobs of a function; they are still taken, and what runs may end.

    A function that is not known yet can be paused by its policy: geartrain functions set FUNCTION paused=true
    """
    tell_of_each(servers, functions, questions.pause, "paused", as_json)


@command.command("resume")
@servers_option
@functions_argument
@json_option
def resume(servers: tuple[str, ...], functions: tuple[str, ...], as_json: bool) -> None:
    """End a function's pause or drain."""
    tell_of_each(servers, functions, questions.resume, "resumed", as_json)


@command.command("drain", short_help="Take no new jobs of a function.")
@servers_option
@functions_argument
@json_option
def drain(servers: tuple[str, ...], functions: tuple[str, ...], as_json: bool) -> None:
    """Take no new jobs of a function; what is queued is worked off."""
    tell_of_each(servers, functions, questions.drain, "draining", as_json)


@command.command("purge", short_help="Cancel the jobs that no worker has.")
@servers_option
@function_argument
@click.option(
    "--older-than",
    callback=duration,
    metavar="TIME",
    help="Only jobs submitted so long ago: 90, 90s, 15m, 2h, 7d.",
)
@json_option
def purge(servers: tuple[str, ...], function: str, older_than: float | None, as_json: bool) -> None:
    """Cancel the jobs of a function that no worker has; '*' is every function."""
    for row in ask_each(servers, lambda server: questions.purge(server, function, older_than or 0.0)):
        if as_json:
            print_json(row)
        else:
            whose = "" if function == questions.ANY else f"{function}: "
            print_line(f"{whose}{counted(row['cancelled'], 'job')} cancelled on {row['server']}")


def tell_of_each(
    servers: tuple[str, ...],
    functions: tuple[str, ...],
    question: Callable[[Admin, str], list[Row]],
    done: str,
    as_json: bool,
) -> None:
    """Ask for the same change of several functions; fails when no server knows one of them."""
    absent = []
    for function in functions:
        rows = ask_each_of(servers, questions.known(question), function)
        tell(rows, done, as_json)
        if not rows:
            absent.append(function)
    if absent:
        hint = "geartrain functions set FUNCTION paused=true works in advance"
        raise GearmanError(f"no server knows the function {', '.join(map(repr, absent))}; {hint}")


def tell(rows: list[Row], done: str, as_json: bool) -> None:
    """Say that a change was made."""
    for row in rows:
        if as_json:
            print_json(row)
        else:
            print_line(f"{row['function']}: {done} on {row['server']}")


def queued(row: Row) -> str:
    return "/".join(str(row["queued"][priority]) for priority in questions.PRIORITIES)


def limits(row: Row) -> str:
    """The limit of each priority, empty where there is none at all."""
    given = [row.get("max_queue", {}).get(priority, 0) for priority in questions.PRIORITIES]
    return "/".join(str(number or "-") for number in given) if any(given) else ""


def state(row: Row) -> str:
    return " ".join(word for word in ("paused", "draining") if row.get(word))


COLUMNS: Final = (
    Column("FUNCTION", lambda row: row["function"]),
    Column("STATE", state),
    Column("QUEUED h/n/l", queued, right=True),
    Column("DELAYED", lambda row: row.get("delayed", ""), right=True),
    Column("RUNNING", lambda row: row["running"], right=True),
    Column("WORKERS", lambda row: row["workers"], right=True),
    Column("MAXQUEUE h/n/l", limits, right=True),
)
