"""``geartrain status``: how far a job is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import click

from geartrain.cli.following import kept_of
from geartrain.cli.options import json_option, servers_of, servers_option
from geartrain.cli.output import moment, print_json, print_line, progress_bar
from geartrain.cli.secrecy import tls_given
from geartrain.jobs import JobStatus
from geartrain.protocol.history import JobHistory
from geartrain.sync.client import Client

POLL_INTERVAL: Final = 0.1  # seconds


@click.command("status", short_help="Say how far a job is.")
@servers_option
@click.argument("handle", required=False)
@click.option("-u", "--unique", metavar="U", help="Ask for the job with this unique.")
@click.option("--follow", is_flag=True, help="Show how far the job is, until it is done.")
@json_option
def command(
    servers: tuple[str, ...], handle: str | None, unique: str | None, follow: bool, as_json: bool
) -> None:
    """Say whether a job is known, whether it runs, and how far it is.

    A job that is done is not known any more, unless its function's policy has its result kept.
    """
    if bool(handle) == bool(unique):
        raise click.UsageError("expected a HANDLE or --unique U, and not both")
    label = handle or unique or ""
    with Client(servers_of(servers), tls=tls_given()) as client:

        def ask(strict: bool = False) -> JobStatus:
            if handle:
                return client.job_status(handle, strict=strict)
            return client.job_status_by_unique(label, strict=strict)

        status = show_until_done(ask, label) if follow else ask()
        kept = kept_of(client, handle) if handle and not status.known else None
        if kept is None and not status.known and not status.complete_view:
            status = ask(strict=True)  # a server that was not asked may know it
    if as_json:
        print_json({("handle" if handle else "unique"): label, **status._asdict(), **fields(kept)})
    else:
        print_line(f"{label}: {in_words(status) if kept is None else end_in_words(kept)}")


def in_words(status: JobStatus) -> str:
    if not status.known:
        return "done, or never known"
    where = "running" if status.running else "queued"
    return f"{where}, {status.numerator}/{status.denominator}" if status.denominator else where


def fields(kept: JobHistory | None) -> dict[str, object]:
    """What was kept, without the result itself: ``geartrain wait`` has that."""
    if kept is None:
        return {}
    return {name: value for name, value in kept._asdict().items() if name not in ("handle", "result")}


def end_in_words(kept: JobHistory) -> str:
    when = f" at {moment(kept.finished_at)}" if kept.finished_at else ""
    attempts = f"{kept.attempts} attempt{'' if kept.attempts == 1 else 's'}"
    return f"{kept.state}{when}, {attempts}" + (f": {kept.error}" if kept.error else "")


def show_until_done(ask: Callable[[], JobStatus], label: str) -> JobStatus:
    """Show how far the job is until no server knows it any more, and give the last answer."""
    with progress_bar(label) as bar:
        while (status := ask()).known:
            bar.show(status.numerator, status.denominator)
            time.sleep(POLL_INTERVAL)
        bar.finish()
    return status
