"""``geartrain export``: what the job store has in it, as lines of JSON."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, NamedTuple

import click

from geartrain.broker.batch import Document, ResultRecord
from geartrain.cli.main import say
from geartrain.cli.options import json_option, pool_of, stepped, store_file, store_option
from geartrain.cli.output import counted, print_json, print_line, progress_bar
from geartrain.errors import StoreError
from geartrain.pool.address import Address
from geartrain.store.dump import items, set_aside
from geartrain.store.new_file import new_file
from geartrain.store.portable import Aside, DeadJob, Item, line_of
from geartrain.store.reading import WrongRow
from geartrain.store.snapshot import snapshot

KINDS: Final = {DeadJob: "dead", ResultRecord: "results", Document: "documents", Aside: "set_aside"}
SHOW: Final = 1000  # lines between two movements of the bar


@click.command("export", short_help="Write the jobs of the store as lines of JSON.")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@store_option
@click.option("--results", is_flag=True, help="With the results that are kept.")
@click.option("--set-aside", "aside", is_flag=True, help="Only the rows that are no jobs, and why.")
@click.option("--force", is_flag=True, help="Replace FILE, if it is there.")
@json_option
def command(file: Path, store: str | None, results: bool, aside: bool, force: bool, as_json: bool) -> None:
    """Write jobs, dead letters, policies and schedules of the job store to FILE, or without it to the standard output.

    Each is a JSON object on a line of its own, which geartrain import reads. A server may use the store meanwhile.
    --json is about what is said of it.
    """
    pool = pool_of(store)
    path = pool.name if pool else store_file(store)
    with pool_content(pool, results, aside) if pool else file_content(path, results, aside) as content:
        if file == Path("-"):
            write(content, sys.stdout.buffer)
        else:
            with new_file(file, force, path) as part, part.open("wb") as output:
                counts = write(content, output)
            tell(path, file, counts, as_json)
    wrong = content.wrong()
    for name, reason in wrong:
        say(f"{name} is left out, as it cannot be read: {reason}")
    if wrong:
        raise StoreError(f"{counted(len(wrong), 'row')} left out; geartrain export --set-aside has them")


class Content(NamedTuple):
    """What is chosen of a store."""

    total: int  # jobs in the store
    items: Iterable[Item | Aside]
    wrong: Callable[[], list[tuple[str, str]]]  # the rows that were no items, by name, and why


@contextmanager
def file_content(path: str, results: bool, aside: bool) -> Iterator[Content]:
    """What is in a file."""
    with snapshot(path) as connection:
        total = count_of(connection)
        wrong: list[WrongRow] = []
        chosen: Iterable[Item | Aside] = set_aside(connection) if aside else items(connection, results, wrong)
        yield Content(total, chosen, lambda: [(row.name(), row.reason) for row in wrong])


def count_of(connection: sqlite3.Connection) -> int:
    """How many jobs there are; 0 where a damaged page is in the way."""
    try:
        return int(connection.execute("SELECT count(*) FROM job").fetchone()[0])
    except sqlite3.DatabaseError:
        return 0


@contextmanager
def pool_content(pool: Address, results: bool, aside: bool) -> Iterator[Content]:
    """What is in a pool's engine."""
    from geartrain.pool.dump import Dump  # only here: it needs more to be installed

    with asyncio.Runner() as runner:
        dump = Dump(pool)
        try:
            total = runner.run(dump.count())
            chosen: AsyncIterator[Item | Aside] = dump.set_aside() if aside else dump.items(results)
            yield Content(
                total, stepped(runner, chosen), lambda: [(f"job {n}", why) for n, why in dump.wrong.items()]
            )
        finally:
            runner.run(dump.close())


def write(content: Content, output: IO[bytes]) -> Counter[str]:
    """Write an item a line; how many there are of each kind."""
    counts: Counter[str] = Counter()
    with progress_bar("export", shown=sys.stderr.isatty(), stays=False) as bar:
        for number, item in enumerate(content.items):
            output.write(line_of(item))
            counts[KINDS.get(type(item), "jobs")] += 1
            if number % SHOW == 0:
                bar.show(number, content.total)
    output.flush()
    return counts


def tell(path: str, file: Path, counts: Counter[str], as_json: bool) -> None:
    names = {
        "jobs": "job",
        "dead": "dead letter",
        "results": "result",
        "documents": "document",
        "set_aside": "row",
    }
    if as_json:
        print_json({"store": path, "file": str(file), **{name: counts[name] for name in names}})
    else:
        told = [counted(counts[name], noun) for name, noun in names.items() if counts[name]]
        print_line(f"{file}: {', '.join(told) or 'nothing'}")
