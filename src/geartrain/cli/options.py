"""Options that several commands have, and how their values are understood."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Final, TypeVar

import click

from geartrain.cli.secrecy import Command, with_tls
from geartrain.pool.address import Address, address_of, check_library, is_pool
from geartrain.protocol.servers import Servers
from geartrain.store import default_url, path_of

T = TypeVar("T")

server_option: Final = click.option(
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
    help="The job store, sqlite:PATH or a pool's, valkey://HOST:PORT. Without it: the one of the server's default.",
)
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON, an object a line.")


def servers_option(command: Command) -> Command:
    """Let a command be told its servers, and how they are spoken to."""
    return server_option(with_tls(command))


def servers_of(names: tuple[str, ...]) -> Servers:
    """What the libraries take as servers; None leaves the choice to them."""
    return names or None


def store_file(url: str | None) -> str:
    """The path of a job store's file; raises SettingsError where it has none."""
    return path_of(url or default_url(os.environ, os.geteuid()))


def pool_of(url: str | None) -> Address | None:
    """The engine of a pool's URL, None where the store is no pool's; raises SettingsError where it cannot be used."""
    if url is None or not is_pool(url):
        return None
    address = address_of(url)
    check_library(address)
    return address


def stepped(runner: asyncio.Runner, steps: AsyncIterator[T]) -> Iterator[T]:
    """What comes of an asynchronous iterator, for those who are not."""

    async def step() -> T:
        return await anext(steps)

    while True:
        try:
            yield runner.run(step())
        except StopAsyncIteration:
            return


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
