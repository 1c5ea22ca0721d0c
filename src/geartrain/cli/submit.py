"""``geartrain submit``: one job, in the foreground or in the background."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

import click

from geartrain.cli.durations import duration
from geartrain.cli.following import Follower
from geartrain.cli.main import say
from geartrain.cli.names import function_argument
from geartrain.cli.options import json_option, moment, servers_of, servers_option, workload_of
from geartrain.cli.output import Payload, print_json, print_line, progress_bar, result_fields
from geartrain.cli.secrecy import tls_given
from geartrain.jobs import JobHandle
from geartrain.protocol.events import Complete, Data, Progress, Warning
from geartrain.protocol.submission import Priority
from geartrain.sync.client import Client
from geartrain.sync.job import Job

PRIORITIES: Final = [priority.name.lower() for priority in Priority]


@click.command("submit", short_help="Submit a job.")
@servers_option
@function_argument
@click.argument("workload", required=False)
@click.option("-b", "--background", is_flag=True, help="Print the handle, and do not wait.")
@click.option("-u", "--unique", metavar="U", help="Equal submissions with this unique share one job.")
@click.option(
    "--priority", type=click.Choice(PRIORITIES), default="normal", help="Which queue the job waits in."
)
@click.option("--at", callback=moment, metavar="TIME", help="Run in the background, not before then.")
@click.option(
    "--delay", callback=duration, metavar="TIME", help="The same, so long from now, such as 90s or 15m."
)
@click.option("--follow", is_flag=True, help="Show how far the job is, and its result.")
@json_option
def command(
    servers: tuple[str, ...],
    function: str,
    workload: str | None,
    background: bool,
    unique: str | None,
    priority: str,
    at: datetime | None,
    delay: float | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Submit a job and print its result as it comes, or with --background its handle.

    Without WORKLOAD, or when it is a dash, the workload is standard input.

    With --follow a job in the background, or one that runs later, is waited for, too. Its handle goes to standard
    error, and its end decides the exit status. Its result is printed where the server keeps it:
    geartrain functions set FUNCTION keep_result=1h
    """
    queue = Priority[priority.upper()]
    with Client(servers_of(servers), tls=tls_given()) as client:
        sent = workload_of(workload)
        if background or at or delay is not None:
            follower = Follower(servers, function) if follow else None
            handle = client.do_background(function, sent, unique=unique, priority=queue, at=at, delay=delay)
            return print_handle(client, handle, follower, as_json)
        job = client.submit(function, sent, unique=unique, priority=queue)
        if as_json:
            print_json(result_of(job, follow))
        else:
            print_result(job, follow)


def print_handle(client: Client, handle: JobHandle, follower: Follower | None, as_json: bool) -> None:
    """Print a job's handle, and with a follower its result when it is over: that decides the exit status."""
    if as_json:
        print_json({"handle": handle, "server": handle.server})
    else:
        print_line(handle, err=follower is not None)
    if follower is None:
        return
    kept = follower.follow(client, handle)
    if kept is None:
        say(f"{handle} is over; no result of it is kept (keep_result of the function's policy)")
        return
    result = kept.take_result(handle.server)
    if as_json:
        print_json({"handle": handle, "state": kept.state, **result_fields(result)})
    else:
        Payload().write(result, last=True)


def print_result(job: Job, follow: bool) -> None:
    """Write the job's result to stdout as it comes."""
    payload = Payload()
    watch(job, follow, partial(payload.write, apart=follow))  # where a progress bar is drawn, a line for each
    payload.write(b"", last=True)


def result_of(job: Job, follow: bool) -> dict[str, object]:
    """The job and its result."""
    pieces: list[bytes] = []
    watch(job, follow, pieces.append)
    row: dict[str, object] = {"handle": job.handle, "server": job.handle.server, "unique": job.unique}
    return {**row, **result_fields(b"".join(pieces))}


def watch(job: Job, follow: bool, take: Callable[[bytes], None]) -> None:
    """Take the pieces of the result as they come; warnings and progress go to stderr."""
    with progress_bar(job.handle, shown=follow, stays=False) as bar:
        for event in job.events():
            if isinstance(event, Progress):
                bar.show(event.numerator, event.denominator)
            elif isinstance(event, Warning):
                with bar.aside():
                    say(event.data.decode("utf-8", "replace"))
            elif isinstance(event, (Data, Complete)) and event.data:
                with bar.aside():
                    take(event.data)
