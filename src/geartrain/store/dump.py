"""All that a file of jobs has in it, one item after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from geartrain.broker.batch import JobRecord
from geartrain.store.checksums import job_in
from geartrain.store.portable import Aside, DeadJob, Item
from geartrain.store.reading import WrongRow, dead_letters, documents, results, version_of

# A damaged file may have text where bytes belong, which the driver would not even read.
JOBS: Final = "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB) FROM job ORDER BY number"
SET_ASIDE: Final = (
    "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB), reason, at FROM set_aside ORDER BY at"
)
OTHERS: Final = "SELECT kind, name, content, reason, at FROM set_aside_other ORDER BY at"


def items(connection: sqlite3.Connection, with_results: bool, wrong: list[WrongRow]) -> Iterator[Item]:
    """Documents, jobs in the order of their submits, dead letters among them, and results if they are wanted.

    ``wrong`` gets the rows that are none of these. Raises sqlite3.Error.
    """
    yield from documents(connection, wrong)
    dead = {letter.number: letter for letter in dead_letters(connection, wrong)}
    for job in jobs(connection, wrong):
        letter = dead.get(job.number)
        yield job if letter is None else DeadJob(job, letter)
    if with_results:
        yield from results(connection, wrong)


def jobs(connection: sqlite3.Connection, wrong: list[WrongRow]) -> Iterator[JobRecord]:
    """The jobs with their workloads, dead ones among them."""
    for number, head, workload in connection.execute(JOBS):
        try:
            yield job_in(number, head, workload or b"", len(workload or b""))
        except ValueError as error:
            wrong.append(WrongRow("job", (number,), str(error), head))


def set_aside(connection: sqlite3.Connection) -> Iterator[Aside]:
    """The rows that are no jobs: those that a server has set aside, and those that it will set aside."""
    for number, head, workload, reason, at in connection.execute(SET_ASIDE):
        yield Aside(number, head or b"", workload or b"", str(reason), as_time(at))
    for number, head, workload in connection.execute(JOBS):
        try:
            job_in(number, head, workload or b"", len(workload or b""))
        except ValueError as error:
            yield Aside(number, head or b"", workload or b"", str(error), 0.0)


def others_set_aside(connection: sqlite3.Connection) -> Iterator[WrongRow]:
    """The rows of other tables that a server has set aside, and those that it will set aside."""
    if has_others(connection):
        for kind, name, _, reason, _ in connection.execute(OTHERS):
            yield WrongRow(str(kind), (name,), str(reason))
    wrong: list[WrongRow] = []
    for read in (documents, dead_letters, results):
        for _ in read(connection, wrong):
            pass
    yield from wrong


def has_others(connection: sqlite3.Connection) -> bool:
    """Whether the file has the table for such rows: files of the first version have not."""
    return version_of(connection) > 1


def as_time(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
