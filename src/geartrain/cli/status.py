"""``geartrain status``: how far a job is."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import click

from geartrain.cli.options import json_option, servers_of, servers_option
from geartrain.cli.output import print_json, progress_bar
from geartrain.jobs import JobStatus
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

    A job that is done is not known any more.
    """
    if (handle is None) == (unique is None):
        raise click.UsageError("expected a HANDLE or --unique U, and not both")
    label = handle or unique or ""
    with Client(servers_of(servers)) as client:

        def ask(strict: bool = False) -> JobStatus:
            if handle:
                return client.job_status(handle, strict=strict)
            return client.job_status_by_unique(label, strict=strict)

        status = show_until_done(ask, label) if follow else ask()
        if not status.known and not status.complete_view:
            status = ask(strict=True)  # a server that was not asked may know it
    if as_json:
        print_json({("handle" if handle else "unique"): label, **status._asdict()})
    else:
        click.echo(f"{label}: {in_words(status)}")


def in_words(status: JobStatus) -> str:
    if not status.known:
        return "done, or never known"
    where = "running" if status.running else "queued"
    return f"{where}, {status.numerator}/{status.denominator}" if status.denominator else where


def show_until_done(ask: Callable[[], JobStatus], label: str) -> JobStatus:
    """Show how far the job is until no server knows it any more, and give the last answer."""
    with progress_bar(label) as bar:
        while (status := ask()).known:
            bar.show(status.numerator, status.denominator)
            time.sleep(POLL_INTERVAL)
        bar.finish()
    return status
