"""What a file of jobs has in it, read over any connection to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Final, NamedTuple

from geartrain.broker.batch import DeadRecord, Document, JobRecord, ResultRecord
from geartrain.broker.model import CONTENT
from geartrain.broker.rows import LARGEST_NUMBER
from geartrain.store.checksums import DEAD, DOCUMENT, RESULT, Form, Row, job_in, named, opened, text_of

PART_JOBS: Final = 5000
PART_BYTES: Final = 4 * 1024 * 1024
FIRST_WITH_CHECKSUMS: Final = 2  # version of a file's form

# A damaged file may have text where bytes belong, which the driver would not even read.
JOBS: Final = (
    "SELECT number, CAST(head AS BLOB), length(workload),"
    " CASE WHEN has_room(length(workload)) THEN CAST(workload AS BLOB) END FROM job ORDER BY number"
)
JOB: Final = "SELECT CAST(head AS BLOB), CAST(workload AS BLOB) FROM job WHERE number = ?"

NUMBERING: Final = "numbering"  # the kind of the document that says again how far the numbers have come
UPGRADE: Final = "upgrade"  # the kind of the document that is there while jobs of an older form are
OWN_KINDS: Final = (NUMBERING, UPGRADE)  # of documents that no operator has set
ALL_WORKLOADS: Final = 1 << 62  # bytes of memory that no file's workloads fill
TOLD: Final = 3  # damaged rows in the answer why a file is damaged
LOST_NUMBERS: Final = 1 << 40  # that are left out where the file does not say any more how far they have come


class WrongRow(NamedTuple):
    """A row that is not what its table is for."""

    table: str
    key: Row
    reason: str
    head: object = None  # of a job

    def place(self) -> str:
        """Where it is, without what somebody chose: the table and the number, or the kind of the document."""
        return f"{self.table} {self.key[0]}"

    def name(self) -> str:
        """The row as a message names it."""
        if self.table == "job":
            return named(self.key[0], self.head)
        key = " ".join(text_of(part) if isinstance(part, bytes) else str(part) for part in self.key)
        return f"{self.table} {key}"


def rows_of(
    connection: sqlite3.Connection, form: Form, wrong: list[WrongRow], order: str = ""
) -> Iterator[Row]:
    """The rows of a table that are what they should be; ``wrong`` gets the others. Raises sqlite3.Error."""
    has_checksum = version_of(connection) >= FIRST_WITH_CHECKSUMS
    keys = form.key.count(",") + 1
    for row in connection.execute(f"SELECT {form.columns} FROM {form.table} {order}"):
        try:
            yield opened(form, row, has_checksum)
        except ValueError as error:
            wrong.append(WrongRow(form.table, row[:keys], str(error)))


def version_of(connection: sqlite3.Connection) -> int:
    """The version of a file's form; raises sqlite3.Error."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def dead_letters(connection: sqlite3.Connection, wrong: list[WrongRow]) -> Iterator[DeadRecord]:
    """The dead letters, also those whose row is damaged: such a job does not run again by itself.

    Raises sqlite3.Error.
    """
    before = len(wrong)
    for row in rows_of(connection, DEAD, wrong):
        yield DeadRecord(*row)
    for damaged in wrong[before:]:
        yield unknown_death(damaged.key[0])


def unknown_death(number: int) -> DeadRecord:
    """A dead letter of which nothing else can be read."""
    return DeadRecord(number, "unknown", b"", b"the dead letter was damaged in the store", 0.0)


def results(connection: sqlite3.Connection, wrong: list[WrongRow]) -> Iterator[ResultRecord]:
    """The results, the oldest first; raises sqlite3.Error."""
    return (ResultRecord(*row) for row in rows_of(connection, RESULT, wrong, "ORDER BY finished_at"))


def documents(connection: sqlite3.Connection, wrong: list[WrongRow]) -> Iterator[Document]:
    """What operators have set; raises sqlite3.Error."""
    for kind, name, text in rows_of(connection, DOCUMENT, wrong):
        if kind not in OWN_KINDS:
            yield Document(kind, as_text(name), as_text(text))


def last_number(connection: sqlite3.Connection) -> int | None:
    """How far the numbers have come, by the two places that say so; None where neither can be read."""
    found = [row[0] for row in connection.execute("SELECT last FROM numbering")]
    found += [number_in(text) for kind, _, text in rows_of(connection, DOCUMENT, []) if kind == NUMBERING]
    return max((number for number in found if is_number(number)), default=None)


def number_in(text: bytes) -> int:
    """The number that a document says; -1 where it says none."""
    return int(text) if text.isdigit() and len(text) <= len(str(LARGEST_NUMBER)) else -1


def is_number(value: object) -> bool:
    """Whether a server can go on after that number of a job; 0 is before the first one."""
    return isinstance(value, int) and 0 <= value <= LARGEST_NUMBER


def orphans(connection: sqlite3.Connection) -> list[WrongRow]:
    """Dead letters without a job: a later job of that number would be dead from its start. Raises sqlite3.Error."""
    found = connection.execute("SELECT number FROM dead WHERE number NOT IN (SELECT number FROM job)")
    return [WrongRow("dead", row, "there is no job of this number") for row in found]


def jobs_in_parts(
    connection: sqlite3.Connection, memory: int, wrong: list[WrongRow]
) -> Iterator[list[JobRecord]]:
    """The jobs in order, with workloads of up to ``memory`` bytes in all, and those that are keys of their jobs.

    ``wrong`` gets the rows that are no jobs. Raises sqlite3.Error.
    """
    room = Room(memory)
    connection.create_function("has_room", 1, room.take)
    jobs: list[JobRecord] = []
    for number, head, size, workload in connection.execute(JOBS):
        if not isinstance(number, int):
            raise sqlite3.DatabaseError("a job without a number: the table's definition is malformed")
        try:
            record = job_in(number, head, workload, size or 0)
            if workload is None and record.unique == CONTENT:
                record = job_of(connection, number) or record
        except ValueError as error:
            wrong.append(WrongRow("job", (number,), str(error), head))
            continue
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

    def take(self, size: int | None) -> bool:
        """Whether there is room for one more workload; None is one that is missing."""
        if size is None or size > self.left:
            return False
        self.left -= size
        self.taken += size
        return True


def job_of(connection: sqlite3.Connection, number: int) -> JobRecord | None:
    """A job with its workload; None where there is none. Raises ValueError and sqlite3.Error."""
    row = connection.execute(JOB, (number,)).fetchone()
    if row is None:
        return None
    head, workload = row
    if workload is None:
        raise ValueError("the workload is missing")
    return job_in(number, head, workload, len(workload))


def damage_of(connection: sqlite3.Connection) -> str:
    """What is wrong with a file that is read from its beginning to its end; empty where nothing is.

    Raises sqlite3.Error where it cannot be read.
    """
    check_pages(connection)
    wrong: list[WrongRow] = []
    for rows in (
        dead_letters(connection, wrong),
        results(connection, wrong),
        documents(connection, wrong),
        jobs_in_parts(connection, ALL_WORKLOADS, wrong),
    ):
        for _ in rows:
            if len(wrong) >= TOLD:
                break
    return "; ".join(f"{row.name()}: {row.reason}" for row in wrong[:TOLD])


def check_pages(connection: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError where pages of the file do not belong together: rows would be missing, unnoticed."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"{' '.join(found.split())}: the file is malformed")


def as_bytes(text: str) -> bytes:
    """A name or a text that may have come as odd bytes."""
    return text.encode("utf-8", "surrogateescape")


def as_text(data: bytes) -> str:
    """The same, back."""
    return data.decode("utf-8", "surrogateescape")
