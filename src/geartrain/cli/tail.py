"""``geartrain tail``: what happens to jobs, as it happens."""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from geartrain.cli import questions
from geartrain.cli.names import known_functions
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import Row, console, print_json, print_line
from geartrain.errors import ConnectError, ConnectionLost, JobTimeout, ServerError
from geartrain.printable import printable
from geartrain.protocol.watching import FROM_NOW
from geartrain.sync.admin import Admin

INTERVAL: Final = 0.25  # seconds between two questions
PATIENCE: Final = 10.0  # seconds in which a server should answer
PAGE: Final = 1000  # events of one answer

GOOD: Final = "green"
BAD: Final = "bold red"
ODD: Final = "yellow"
STYLES: Final = {
    "submitted": "cyan",
    "started": "blue",
    "completed": GOOD,
    "warning": ODD,
    "retried": ODD,
    "lost": ODD,
    "timed_out": ODD,
    "cancelled": "magenta",
    "abandoned": "magenta",
    "exception": BAD,
    "failed": BAD,
    "dead": BAD,
}


@click.command("tail", short_help="Watch what happens to jobs.")
@servers_option
@click.argument("function", default=questions.ANY, metavar="[FUNCTION]", shell_complete=known_functions)
@json_option
def command(servers: tuple[str, ...], function: str, as_json: bool) -> None:
    """Print a line for all that happens to the jobs of FUNCTION, or to all jobs, until Ctrl-C."""
    followed = [Followed(admin, function) for admin in questions.administrators(servers, PATIENCE)]
    for each in followed:
        each.begin()
    show = JsonLines() if as_json else Lines(len(followed) > 1)
    print_line(f"watching {', '.join(each.name for each in followed)}", err=True)
    while True:
        more = [each.look(show) for each in followed]
        sys.stdout.flush()
        if not any(more):
            time.sleep(INTERVAL)


class Lines:
    """Events for people, coloured on a terminal."""

    def __init__(self, several: bool) -> None:
        self.screen: Console = console()
        self.several = several  # whether each line names its server

    def event(self, server: str, row: Row) -> None:
        at = hour(row["at"])
        style = STYLES.get(row["kind"], "")
        parts: list[str | tuple[str, str]] = [(at, "dim"), " "]
        if self.several:
            parts += [(printable(server), "dim"), " "]
        parts += [
            (printable(f"{row['kind']:9}"), style),
            printable(f" {row['handle']} {row['function']}{told(row)}"),
        ]
        self.screen.print(Text.assemble(*parts), soft_wrap=True)

    def gap(self, server: str, missed: int | None) -> None:
        self.screen.print(Text(printable(f"-- {server}: {gap(missed)}"), style=ODD), soft_wrap=True)


class JsonLines:
    """Events for programs."""

    def event(self, server: str, row: Row) -> None:
        print_json({"server": server, **row})

    def gap(self, server: str, missed: int | None) -> None:
        print_json({"server": server, "missed": missed})


class Followed:
    """One server, and how far its events have been read."""

    def __init__(self, admin: Admin, function: str) -> None:
        self.admin = admin
        self.name = admin.server.name
        self.function = function
        self.cursor = FROM_NOW
        self.away = False

    def begin(self) -> None:
        """Have the server remember events from now on."""
        self.cursor = self.admin.events(self.cursor, self.function, PAGE).cursor

    def look(self, show: Lines | JsonLines) -> bool:
        """Show what happened since the last look; whether there is more to be had at once."""
        try:
            page = self.admin.events(self.cursor, self.function, PAGE)
        except (ConnectError, ConnectionLost, JobTimeout, ServerError) as error:
            self.say_away(str(error))
            return False
        if self.away:
            self.away = False
            print_line(f"watching {self.name} again", err=True)
        if page.missed != 0:
            show.gap(self.name, page.missed)
        for row in page.events:
            show.event(self.name, row)
        self.cursor = page.cursor
        return len(page.events) >= PAGE

    def say_away(self, why: str) -> None:
        """A server that cannot be reached is asked again; that is said once."""
        if not self.away:
            self.away = True
            print_line(why, err=True)


def hour(seconds: float) -> str:
    """The time of day, to the millisecond; a time that no calendar has as the number that it is."""
    try:
        return datetime.fromtimestamp(seconds).strftime("%H:%M:%S.%f")[:-3]
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.3f}"


def told(row: Row) -> str:
    """What a line says beyond who and what."""
    words = [""]
    if row["unique"]:
        words.append(f"unique={row['unique']}")
    if row["worker"]:
        words.append(f"worker={row['worker']}")
    if row["attempts"] > 1:
        words.append(f"attempt={row['attempts']}")
    if "numerator" in row:
        words.append(f"{row['numerator']}/{row['denominator']}")
    if "reason" in row:
        words.append(f"reason={row['reason']}")
    if "text" in row:
        words.append(json.dumps(row["text"], ensure_ascii=False))
    return " ".join(words)


def gap(missed: int | None) -> str:
    """What is said where events are not shown."""
    if missed is None:
        return "more may have happened: it is another server's turn, or it was started again"
    return f"{missed} more events happened than it remembers"
