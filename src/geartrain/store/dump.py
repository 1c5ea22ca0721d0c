"""All that a file of jobs has in it, one item after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from geartrain.broker.batch import DeadRecord, Document, JobRecord, ResultRecord
from geartrain.broker.rows import record_of
from geartrain.store.portable import Aside, DeadJob, Item
from geartrain.store.reading import as_text

DOCUMENTS: Final = "SELECT kind, name, text FROM document"
RESULTS: Final = "SELECT * FROM result ORDER BY finished_at"
JOBS: Final = (
    "SELECT job.number, head, workload, reason, worker, error, died_at"
    " FROM job LEFT JOIN dead USING (number) ORDER BY job.number"
)
HEADS: Final = "SELECT number, head, workload FROM job ORDER BY number"
ASIDE: Final = "SELECT number, head, workload, reason, at FROM set_aside"


def items(connection: sqlite3.Connection, results: bool, wrong: dict[int, str]) -> Iterator[Item]:
    """Documents, jobs in the order of their submits, dead letters among them, and results if they are wanted.

    ``wrong`` gets the numbers of the rows that are no jobs, and why. Raises sqlite3.Error.
    """
    for kind, name, text in connection.execute(DOCUMENTS):
        yield Document(kind, as_text(name), as_text(text))
    for number, head, workload, reason, worker, error, died_at in connection.execute(JOBS):
        job = job_of(number, head, workload, wrong)
        if job is None:
            continue
        yield job if reason is None else DeadJob(job, DeadRecord(number, reason, worker, error, died_at))
    if results:
        for row in connection.execute(RESULTS):
            yield ResultRecord(*row)


def set_aside(connection: sqlite3.Connection) -> Iterator[Aside]:
    """The rows that are no jobs: those that a server has set aside, and those that it will set aside."""
    for number, head, workload, reason, at in connection.execute(ASIDE):
        yield Aside(number, as_data(head), as_data(workload), reason, at)
    for number, head, workload in connection.execute(HEADS):
        wrong: dict[int, str] = {}
        if job_of(number, head, workload, wrong) is None:
            yield Aside(number, as_data(head), as_data(workload), wrong[number], 0.0)


def job_of(number: int, head: object, workload: object, wrong: dict[int, str]) -> JobRecord | None:
    """The job of a row; None where it is none, which ``wrong`` says."""
    if not isinstance(head, bytes) or not isinstance(workload, bytes):
        wrong[number] = f"{type(head).__name__} and {type(workload).__name__}, bytes are expected"
        return None
    try:
        return record_of(number, head, workload, len(workload))
    except ValueError as error:
        wrong[number] = str(error)
        return None


def as_data(value: object) -> bytes:
    """The bytes of what stands where bytes are expected."""
    return value if isinstance(value, bytes) else b"" if value is None else str(value).encode()
