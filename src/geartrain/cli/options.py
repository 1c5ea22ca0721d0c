"""Options that several commands have, and how their values are understood."""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime
from typing import Final

import click

from geartrain.protocol.servers import Servers
from geartrain.store import default_url, path_of

servers_option: Final = click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="HOST:PORT",
    help="A job server; may be given again. Without it: GEARMAN_SERVERS, else localhost:4730.",
)
store_option: Final = click.option(
    "--store",
    "store",
    metavar="URL",
    help="The job store, sqlite:PATH. Without it: the one of the server's default.",
)
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line.")

UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([smhd]?)")


def seconds_of(given: str) -> float | None:
    """A duration such as 90, 90s, 15m, 2h or 7d in seconds; None for what is none."""
    match = DURATION.fullmatch(given.strip())
    return float(match[1]) * UNITS[match[2]] if match else None


def duration(ctx: click.Context, parameter: click.Parameter, given: str | None) -> float | None:
    """An option that is a duration, in seconds."""
    seconds = None if given is None else seconds_of(given)
    if given is not None and seconds is None:
        expected = "expected seconds, or one such as 90s, 15m, 2h or 7d"
        raise click.BadParameter(f"{given!r} is no duration; {expected}", ctx, parameter)
    return seconds


def servers_of(names: tuple[str, ...]) -> Servers:
    """What the libraries take as servers; None leaves the choice to them."""
    return names or None


def store_file(url: str | None) -> str:
    """The path of a job store's file; raises SettingsError where it has none."""
    return path_of(url or default_url(os.environ, os.geteuid()))


def moment(ctx: click.Context, parameter: click.Parameter, given: str | None) -> datetime | None:
    """A time: ISO 8601, local where it names no zone, or Unix seconds."""
    if given is None:
        return None
    try:
        return datetime.fromtimestamp(float(given)).astimezone()
    except (ValueError, OverflowError, OSError):
        pass
    try:
        return datetime.fromisoformat(given).astimezone()
    except (ValueError, OverflowError, OSError):
        expected = "expected one such as 2027-01-31T18:30, or Unix seconds"
        raise click.BadParameter(f"{given!r} is no time; {expected}", ctx, parameter) from None


def workload_of(given: str | None) -> bytes:
    """A workload from the command line; standard input where there is none, or a dash."""
    if given is None or given == "-":
        return sys.stdin.buffer.read()
    return given.encode("utf-8", "surrogateescape")
