"""What a file of jobs has in it, read over any connection to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final

from geartrain.broker.batch import DeadRecord, Document, JobRecord, Kept, ResultRecord
from geartrain.broker.model import CONTENT
from geartrain.broker.rows import record_of

PART_JOBS: Final = 5000
PART_BYTES: Final = 4 * 1024 * 1024

# A damaged file may have text where bytes belong, which the driver would not even read.
JOBS: Final = (
    "SELECT number, CAST(head AS BLOB), length(workload),"
    " CASE WHEN has_room(length(workload)) THEN CAST(workload AS BLOB) END FROM job ORDER BY number"
)


def everything_but_jobs(connection: sqlite3.Connection) -> Kept:
    """Dead letters, results, documents, and how far the numbers have come."""
    (last,) = connection.execute("SELECT last FROM numbering").fetchone()
    return Kept(
        dead=[DeadRecord(*row) for row in connection.execute("SELECT * FROM dead")],
        results=[
            ResultRecord(*row) for row in connection.execute("SELECT * FROM result ORDER BY finished_at")
        ],
        documents=[
            Document(kind, as_text(name), as_text(text))
            for kind, name, text in connection.execute("SELECT * FROM document")
        ],
        last_number=last,
    )


def jobs_in_parts(
    connection: sqlite3.Connection, memory: int, wrong: dict[int, str]
) -> Iterator[list[JobRecord]]:
    """The jobs in order, with workloads of up to ``memory`` bytes in all, and those that are keys of their jobs.

    ``wrong`` gets the numbers of the rows that are no jobs, and why. Raises sqlite3.Error.
    """
    room = Room(memory)
    connection.create_function("has_room", 1, room.take)
    jobs: list[JobRecord] = []
    for number, head, size, workload in connection.execute(JOBS):
        try:
            record = record_of(number, head, workload, size)
        except (ValueError, TypeError) as error:
            wrong[number] = str(error)
            continue
        if workload is None and record.unique == CONTENT:
            record = record._replace(workload=workload_of(connection, number))
        jobs.append(record)
        if len(jobs) >= PART_JOBS or room.taken >= PART_BYTES:
            yield jobs
            jobs = []
            room.taken = 0
    yield jobs


class Room:
    """The bytes that workloads may still take in memory."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.taken = 0

    def take(self, size: int) -> bool:
        """Whether there is room for one more workload."""
        if size > self.left:
            return False
        self.left -= size
        self.taken += size
        return True


def workload_of(connection: sqlite3.Connection, number: int) -> bytes | None:
    """A job's workload; None where it is not there. Raises sqlite3.Error."""
    row = connection.execute("SELECT workload FROM job WHERE number = ?", (number,)).fetchone()
    return None if row is None else row[0]


def as_bytes(text: str) -> bytes:
    """A name or a text that may have come as odd bytes."""
    return text.encode("utf-8", "surrogateescape")


def as_text(data: bytes) -> str:
    """The same, back."""
    return data.decode("utf-8", "surrogateescape")
