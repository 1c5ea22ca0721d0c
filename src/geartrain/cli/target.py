"""Where imported jobs go: into a store that no server uses, or to servers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import chain, islice
from typing import Final

import click

from geartrain.cli.main import say
from geartrain.cli.options import pool_of, store_file
from geartrain.cli.output import counted, print_json, print_line, progress_bar
from geartrain.cli.resubmission import Resubmission
from geartrain.cli.secrecy import Command, tls_given, with_tls
from geartrain.errors import GearmanError, SettingsError, StoreError
from geartrain.store.intake import Intake, Taken
from geartrain.store.portable import Item
from geartrain.store.schema import UMASK, owner_of, process_of
from geartrain.sync.client import Client

Source = Callable[[], Iterator[Item]]  # reads all the items, from the beginning

SHOW: Final = 1000  # items between two movements of the bar
NOUNS: Final = {"jobs": "job", "dead": "dead letter", "results": "result", "documents": "document"}

to_server_option: Final = click.option(
    "--server",
    "servers",
    multiple=True,
    metavar="HOST:PORT",
    help="Submit the jobs to this server; may be given again. Without it they go into the job store.",
)


def to_servers_option(command: Command) -> Command:
    """Let a command be told servers, and how they are spoken to."""
    return to_server_option(with_tls(command))


def deliver(source: Source, store: str | None, servers: tuple[str, ...], as_json: bool) -> None:
    """Have all items of a source taken, and say what became of them."""
    if servers and store:
        raise click.UsageError(f"--store {store}, --server {servers[0]}: expected only one of them")
    pool = None if servers else pool_of(store)
    if pool is not None:
        raise SettingsError(f"the store {pool.name} is no file: submit to a server of the pool with --server")
    if servers:
        deliver_to_servers(source, servers, as_json)
    else:
        deliver_to_store(source, store_file(store), as_json)


def deliver_to_store(source: Source, path: str, as_json: bool) -> None:
    owner = owner_of(path)
    if owner:
        raise StoreError(
            f"{path} is in use by a server{process_of(owner)}: stop it, or submit to it with --server"
        )
    os.umask(UMASK)
    items = source()
    first = list(islice(items, 1))  # what cannot be read at all is found before a file is made
    taken = Intake(path).take(counting(chain(first, items), 0))
    if as_json:
        print_json({"store": path, **asdict(taken)})
    else:
        print_line(f"{path}: {in_words(taken)}")


def in_words(taken: Taken) -> str:
    numbers = asdict(taken)
    told = [counted(numbers[name], noun) for name, noun in NOUNS.items() if numbers[name]]
    words = f"{', '.join(told)} imported" if told else "nothing imported"
    if taken.skipped:
        words += f", {taken.skipped} skipped that are there already"
    if taken.renumbered:
        words += f", {taken.renumbered} with new handles, as theirs have the numbers of other jobs or over 63 bytes"
    return words


def deliver_to_servers(source: Source, servers: tuple[str, ...], as_json: bool) -> None:
    total = sum(1 for _ in source())  # finds what is wrong before the first job is submitted
    with Client(servers, tls=tls_given()) as client:
        sent = Resubmission(client)
        try:
            sent.take(counting(source(), total))
        except GearmanError:
            say(f"{sent.submitted} of {total} are submitted, and perhaps some more")
            raise
    told(sent)
    if as_json:
        print_json(
            {
                "servers": list(servers),
                "jobs": sent.submitted,
                "left_out": dict(+sent.left_out),
                "not_carried": dict(+sent.not_carried),
            }
        )
    else:
        print_line(f"{', '.join(servers)}: {counted(sent.submitted, 'job')} submitted")


def told(sent: Resubmission) -> None:
    """Say what a server could not be given."""
    for what, number in (+sent.left_out).items():
        say(f"{counted(number, what)} left out: only a store takes that")
    for what, number in (+sent.not_carried).items():
        say(f"{what} of {counted(number, 'job')} lost: a submit does not carry that")


def counting(items: Iterable[Item], total: int) -> Iterator[Item]:
    """The same items, with a bar on a terminal."""
    with progress_bar("import", shown=sys.stderr.isatty(), stays=False) as bar:
        for number, item in enumerate(items):
            if number % SHOW == 0:
                bar.show(number, total)
            yield item
