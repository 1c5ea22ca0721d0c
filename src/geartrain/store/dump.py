"""All that a file of jobs has in it, one item after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from geartrain.broker.batch import JobRecord
from geartrain.store.checksums import job_in
from geartrain.store.portable import Aside, DeadJob, Item
from geartrain.store.reading import WrongRow, dead_letters, documents, results, version_of

T = TypeVar("T")

# A damaged file may have text where bytes belong, which the driver would not even read.
JOBS: Final = "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB) FROM job ORDER BY number"
BACKWARDS: Final = (
    "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB) FROM job WHERE number > ? ORDER BY number DESC"
)
FROM_THE_START: Final = -(2**63)
LOST: Final = ("rows on a damaged page",)
SET_ASIDE: Final = (
    "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB), reason, at FROM set_aside ORDER BY at"
)
OTHERS: Final = "SELECT kind, name, content, reason, at FROM set_aside_other ORDER BY at"


def items(connection: sqlite3.Connection, with_results: bool, wrong: list[WrongRow]) -> Iterator[Item]:
    """Documents, jobs in the order of their submits, dead letters among them, and results if they are wanted.

    ``wrong`` gets the rows that are none of these. Of a file whose pages are damaged all is read that can be. Raises
    sqlite3.Error.
    """
    yield from as_far_as_it_goes("document", documents(connection, wrong), wrong)
    letters = as_far_as_it_goes("dead", dead_letters(connection, wrong), wrong)
    dead = {letter.number: letter for letter in letters}
    for job in jobs(connection, wrong):
        letter = dead.get(job.number)
        yield job if letter is None else DeadJob(job, letter)
    if with_results:
        yield from as_far_as_it_goes("result", results(connection, wrong), wrong)


def as_far_as_it_goes(table: str, rows: Iterable[T], wrong: list[WrongRow]) -> Iterator[T]:
    """The rows up to a page that is damaged, which ``wrong`` gets."""
    try:
        yield from rows
    except sqlite3.DatabaseError as error:
        if type(error) is not sqlite3.DatabaseError:  # the others are about the statement, or the disk
            raise
        wrong.append(WrongRow(table, LOST, str(error)))


def jobs(connection: sqlite3.Connection, wrong: list[WrongRow]) -> Iterator[JobRecord]:
    """The jobs with their workloads, dead ones among them; around a damaged page from both ends."""
    before = len(wrong)
    reached = FROM_THE_START
    for number, head, workload in as_far_as_it_goes("job", connection.execute(JOBS), wrong):
        reached = number
        yield from job_of(number, head, workload, wrong)
    if len(wrong) == before or wrong[-1].key != LOST:
        return
    backwards = connection.execute(BACKWARDS, (reached,))
    for number, head, workload in as_far_as_it_goes("job", backwards, []):
        yield from job_of(number, head, workload, wrong)


def job_of(number: int, head: bytes, workload: bytes, wrong: list[WrongRow]) -> list[JobRecord]:
    """The job of a row, if it is one."""
    try:
        return [job_in(number, head, workload or b"", len(workload or b""))]
    except ValueError as error:
        wrong.append(WrongRow("job", (number,), str(error), head))
        return []


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
