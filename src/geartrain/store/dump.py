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
# A damaged file may have text where bytes belong, which the driver would not even read.
JOBS: Final = (
    "SELECT job.number, CAST(head AS BLOB), CAST(workload AS BLOB), reason, worker, error, died_at"
    " FROM job LEFT JOIN dead USING (number) ORDER BY job.number"
)
HEADS: Final = "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB) FROM job ORDER BY number"
SET_ASIDE: Final = (
    "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB), reason, at FROM set_aside ORDER BY at"
)


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
    for number, head, workload, reason, at in connection.execute(SET_ASIDE):
        yield Aside(number, head or b"", workload or b"", reason, at)
    for number, head, workload in connection.execute(HEADS):
        wrong: dict[int, str] = {}
        if job_of(number, head, workload, wrong) is None:
            yield Aside(number, head, workload, wrong[number], 0.0)


def job_of(number: int, head: bytes, workload: bytes, wrong: dict[int, str]) -> JobRecord | None:
    """The job of a row; None where it is none, which ``wrong`` says."""
    try:
        return record_of(number, head, workload, len(workload))
    except ValueError as error:
        wrong[number] = str(error)
        return None
