"""``geartrain import``: jobs that ``geartrain export`` wrote, or another program."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

import click

from geartrain.cli.options import json_option, store_option
from geartrain.cli.target import deliver, to_servers_option
from geartrain.errors import SettingsError, StoreError
from geartrain.store.portable import Item, item_of


@click.command("import", short_help="Take jobs from lines of JSON.")
@click.argument("file")
@store_option
@to_servers_option
@json_option
def command(file: str, store: str | None, servers: tuple[str, ...], as_json: bool) -> None:
    """Take the jobs in FILE, a JSON object a line as geartrain export writes them; a dash is the standard input.

    Into the job store, which no server may use meanwhile, come all of them or, when a line is wrong, none: with their
    handles, attempts and all else. With --server they are submitted as new background jobs.
    """
    with opened(file) as lines:
        deliver(lambda: items(lines, file), store, servers, as_json)


def opened(file: str) -> IO[bytes]:
    """The file, which can be read again."""
    if file == "-":
        copy = tempfile.TemporaryFile()  # noqa: SIM115  whoever called closes it
        shutil.copyfileobj(sys.stdin.buffer, copy)
        return copy
    try:
        return open(file, "rb")
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from None


def items(lines: IO[bytes], file: str) -> Iterator[Item]:
    """What is in the lines; empty ones are left out. Raises StoreError naming a line that is wrong."""
    now = time.time()
    lines.seek(0)
    for number, line in enumerate(lines, 1):
        if line.isspace():
            continue
        try:
            yield item_of(line, now)
        except ValueError as error:
            raise StoreError(f"{file}, line {number}: {error}") from None
