"""The database of jobs as the server uses it: batches in, workloads and all there is out. Blocking code."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, NamedTuple, TypeVar
from zlib import crc32

from geartrain.broker.batch import Kept
from geartrain.broker.rows import sealed_head
from geartrain.errors import StoreError
from geartrain.store.checksums import DEAD, DOCUMENT, ORDER, RESULT, SIZE, Form, sealed
from geartrain.store.reading import (
    JOB,
    LOST_NUMBERS,
    NUMBERING,
    WrongRow,
    as_bytes,
    check_pages,
    damage_of,
    dead_letters,
    documents,
    job_of,
    jobs_in_parts,
    last_number,
    orphans,
    results,
    unknown_death,
)
from geartrain.store.reserve import Reserve
from geartrain.store.schema import connect, prepare, take_lock
from geartrain.store.watch import Watch

T = TypeVar("T")

SYNCHRONOUS: Final = {"full": "FULL", "fast": "NORMAL"}
PAGE: Final = 4096  # bytes
LARGEST_WAL: Final = 64 * 1024 * 1024  # bytes that are left to it after a checkpoint
CACHE_KIB: Final = 16384
MOST_ALARMS: Final = 10  # file systems may change the time of a file by themselves: it tells nothing then
TOLD: Final = 100  # rows set aside that the log names
ENDS: Final = 256  # jobs that end in one transaction when there is little room
SIZES: Final = (128, 16, 4, 1)  # rows of a statement


class Changes(NamedTuple):
    """A sealed Batch in plain tuples and lists, as it travels to the process that writes."""

    added: list[tuple[int, bytes, bytes]]  # number, head and workload
    changed: list[tuple[bytes, int]]  # head and number
    removed: list[int]
    buried: list[tuple[object, ...]]
    exhumed: list[int]
    results: list[tuple[object, ...]]
    forgotten: list[int]
    documents: list[tuple[str, str, str]]
    last_number: int


NOTHING: Final = Changes([], [], [], [], [], [], [], [], 0)


def ends_of(changes: Changes) -> Changes:
    """What removes something, and adds nothing."""
    return NOTHING._replace(removed=changes.removed, exhumed=changes.exhumed, forgotten=changes.forgotten)


class Database:
    """One connection to the file; it does all the writing and all the checkpoints.

    SQLite before 3.51.3 can damage a file when two connections do. Raises StoreError where the file cannot be used.
    """

    def __init__(self, path: str, durability: str, owner: int) -> None:
        self.path = path
        self.real_path = os.path.realpath(path)  # SQLite's log is beside that
        self.durability = durability
        self.lock = take_lock(path, owner)
        self.reserve = Reserve(self.real_path)
        try:
            self.connection = self.open()
        except BaseException:
            self.lock.close()
            raise
        self.watch = Watch(self.real_path)
        self.reserve.make()
        self.failed = False  # the last commit did not keep everything
        self.damage = ""  # what somebody else has written into the file; empty where it is in order
        self.alarms = 0  # looks at a file that was in order
        self.has_dead = True  # perhaps

    def open(self) -> sqlite3.Connection:
        """A connection to a file that is ours and can be written to; raises StoreError."""
        try:
            connection = connect(self.path)
            prepare(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[self.durability]}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {self.reserve.size // 2 // PAGE}")
            connection.execute(f"PRAGMA journal_size_limit = {LARGEST_WAL}")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            # Debian's SQLite overwrites what is deleted, which is written to the disk twice more.
            connection.execute("PRAGMA secure_delete = OFF")
            connection.execute("UPDATE numbering SET last = last")  # finds a file that cannot be written to
        except sqlite3.Error as error:
            raise StoreError(f"cannot use {self.path}: {error}") from None
        return connection

    def keep(self, changes: Changes) -> tuple[str, bool]:
        """Commit; else why not (empty when all is kept), and whether at least the ends of jobs are kept.

        On a full disk jobs may end, but none may come: the reserve is what their ends are written to.
        """
        fault = self.fault()
        if fault:
            return fault, False
        try:
            if self.failed:
                self.reopen()
            if changes.added:
                self.make_room()
            self.commit(changes)
        except (sqlite3.Error, StoreError) as error:
            self.failed = True
            kept = self.keep_ends(changes)
            self.leave()
            return "" if kept and changes == ends_of(changes) else str(error), kept
        return "", True

    def fault(self) -> str:
        """Why the file takes nothing: it is not what we left there. Empty where it is."""
        return self.watch.fault() or self.damage or self.inspect()

    def inspect(self) -> str:
        """Read all of a file that somebody else has written to; what is wrong with it, empty where nothing is.

        SQLite reads pages from its log by an index in memory, so it notices no damage there before its next start. What
        is in order goes from the log into the file, where no damaged log can take it away.
        """
        try:
            if self.alarms >= MOST_ALARMS or not self.watch.is_touched():
                return ""
            with contextlib.closing(connect(self.path, read_only=True)) as connection:
                damage = damage_of(connection)
            if not damage:
                self.alarms += 1
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self.leave()
        except (sqlite3.Error, OSError) as error:
            damage = str(error)
        if damage:
            self.damage = f"{self.path} was damaged by another program: {damage}"
        return self.damage

    def leave(self) -> None:
        """Remember how large the files are, so that a cut is noticed."""
        with contextlib.suppress(OSError):  # the next commit says what is wrong
            self.watch.leave()

    def make_room(self) -> None:
        """See to it that the ends of jobs can be kept, before another one is; raises sqlite3.OperationalError."""
        if self.reserve.is_there:
            return
        self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (pages,) = self.connection.execute("PRAGMA freelist_count").fetchone()
        if pages * PAGE < self.reserve.size and not self.reserve.make():
            raise sqlite3.OperationalError("database or disk is full")

    def keep_ends(self, changes: Changes) -> bool:
        """Commit only what makes room, in small parts, on the reserve if need be."""
        if self.watch.lost():
            return False
        ends = ends_of(changes)
        self.reserve.give_up()
        try:
            self.reopen()
            for start in range(0, len(ends.removed), ENDS):
                self.commit(NOTHING._replace(removed=ends.removed[start : start + ENDS]))
                self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.commit(ends._replace(removed=[]))
        except (sqlite3.Error, StoreError):
            return False
        return True

    def reopen(self) -> None:
        """Begin anew after an error, whatever it was; raises StoreError."""
        with contextlib.suppress(sqlite3.Error):
            self.connection.close()
        self.connection = self.open()
        self.watch.renew()
        self.failed = False

    # Writing

    def commit(self, changes: Changes) -> None:
        """Do all of it or none; raises sqlite3.Error, and StoreError where the file is not there any more."""
        self.has_dead = self.has_dead or bool(changes.buried)
        with self.transaction():
            self.insert_jobs(changes.added)
            for head, number in changes.changed:
                self.change_job(number, head)
            self.insert("dead", [sealed(DEAD, row) for row in changes.buried])
            if changes.exhumed or self.has_dead:
                self.delete("dead", changes.exhumed + changes.removed)
            self.delete("job", changes.removed)
            self.insert("result", [sealed(RESULT, row) for row in changes.results])
            self.delete("result", changes.forgotten)
            self.set_documents(changes.documents)
            if changes.last_number:
                self.set_last_number(changes.last_number)
            lost = self.watch.lost()
            if lost:
                raise StoreError(lost)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block is kept, or nothing."""
        connection = self.connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself
                connection.execute("ROLLBACK")
            raise
        finally:
            self.leave()

    def insert_jobs(self, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Add jobs with their checksums, or replace those of the same number."""
        # As ``sealed_head`` does, but without its call and with one checksum: that saves 0.15 microseconds a row.
        sealed_rows = [
            (number, head + crc32(head + work, number).to_bytes(SIZE, ORDER), work)
            for number, head, work in rows
        ]
        self.insert("job", sealed_rows)

    def change_job(self, number: int, head: bytes) -> None:
        """Give a job another head; one that is damaged stays as it is, so that it is found when it is read."""
        with contextlib.suppress(ValueError):
            job = job_of(self.connection, number)
            if job is not None and job.workload is not None:
                change = (sealed_head(number, head, job.workload), number)
                self.connection.execute("UPDATE job SET head = ? WHERE number = ?", change)

    def insert(self, table: str, rows: Sequence[Sequence[object]]) -> None:
        """Add rows, or replace those of the same number."""
        for part in parts(rows):
            marks = "(" + ",".join("?" * len(part[0])) + ")"
            values = ",".join([marks] * len(part))
            self.connection.execute(f"INSERT OR REPLACE INTO {table} VALUES {values}", list(chain(*part)))

    def delete(self, table: str, numbers: Sequence[int]) -> None:
        """Remove the rows of these numbers, where there are any."""
        for part in parts(sorted(numbers)):
            marks = ",".join("?" * len(part))
            self.connection.execute(f"DELETE FROM {table} WHERE number IN ({marks})", part)

    def set_documents(self, documents: Iterable[tuple[str, str, str]]) -> None:
        """Keep documents; those without a text are forgotten."""
        for kind, name, text in documents:
            key = (kind, as_bytes(name))
            if text:
                self.insert("document", [sealed(DOCUMENT, (*key, as_bytes(text)))])
            else:
                self.connection.execute("DELETE FROM document WHERE kind = ? AND name = ?", key)

    def set_last_number(self, number: int) -> None:
        """No handle up to this number may be given again."""
        self.connection.execute("INSERT OR REPLACE INTO numbering VALUES (1, ?)", (number,))
        self.set_documents([(NUMBERING, "last", str(number))])

    def set_aside(self, rows: Iterable[WrongRow]) -> None:
        """Put rows that are not what they should be where they are in nobody's way, with what is wrong with each."""
        with self.transaction():
            for row in rows:
                for statement in ASIDE[row.table]:
                    self.connection.execute(
                        statement, {"reason": row.reason, "at": time.time(), **keyed(row)}
                    )
                if row.table == "dead" and self.connection.execute(JOB, row.key).fetchone() is not None:
                    self.insert("dead", [sealed(DEAD, unknown_death(row.key[0]))])  # it stays a dead letter

    def close(self, last_number: int) -> None:
        """Let go of the file, with everything in it that the log beside it still has."""
        if last_number:
            self.set_last_number(last_number)
        self.connection.close()
        self.reserve.give_up()
        self.lock.close()

    # Reading

    def workloads(self, numbers: Iterable[int]) -> dict[int, bytes | None]:
        """Workloads by number; None for one that is not there or cannot be read.

        A job whose workload is not the one that was written is set aside.
        """
        found: dict[int, bytes | None] = dict.fromkeys(numbers)
        wrong: list[WrongRow] = []
        for number in found:
            try:
                job = job_of(self.connection, number)
                found[number] = None if job is None else job.workload
            except ValueError as error:
                wrong.append(WrongRow("job", (number,), str(error)))
            except sqlite3.Error:
                continue
        if wrong:
            with contextlib.suppress(
                sqlite3.Error
            ):  # it is not handed out, and the next start finds it again
                self.set_aside(wrong)
        return found

    def load(self, memory: int) -> Iterator[Kept]:
        """All there is, in parts: workloads of up to ``memory`` bytes in all, the others stay where they are.

        What is damaged is set aside, and said in ``notices``. Raises sqlite3.Error.
        """
        check_pages(self.connection)
        wrong: list[WrongRow] = []
        yield Kept(
            dead=list(dead_letters(self.connection, wrong)),
            results=list(results(self.connection, wrong)),
            documents=list(documents(self.connection, wrong)),
            last_number=last_number(self.connection) or 0,
        )
        wrong += orphans(self.connection)
        highest = 0
        for jobs in jobs_in_parts(self.connection, memory, wrong):
            highest = jobs[-1].number if jobs else highest
            yield Kept(jobs=jobs)
        yield self.mended(wrong, highest)
        self.has_dead = self.connection.execute("SELECT 1 FROM dead LIMIT 1").fetchone() is not None

    def mended(self, wrong: list[WrongRow], highest: int) -> Kept:
        """Set aside what is wrong, and see to the numbers where the file does not say how far they have come."""
        notices = [f"{row.name()} set aside, as it cannot be read: {row.reason}" for row in wrong[:TOLD]]
        if len(wrong) > TOLD:
            notices.append(f"{len(wrong) - TOLD} more rows set aside, as they cannot be read")
        if wrong:
            self.set_aside(wrong)
        number = last_number(self.connection)
        if number is None:
            number = highest + LOST_NUMBERS
            with self.transaction():
                self.set_last_number(number)
            notices.append(f"how far the handles had come is lost: they go on after {number}")
        return Kept(last_number=number, notices=notices, damaged=[row.place() for row in wrong])


def keeping(form: Form) -> str:
    """The statement that keeps a damaged row, in the form of SQL's literals."""
    name = "CAST(number AS BLOB)" if form.key == "number" else "CAST(name AS BLOB)"
    content = " || ', ' || ".join(f"quote({column})" for column in form.columns.split(", "))
    row = f"'{form.table}', {name}, CAST({content} AS BLOB), :reason, :at"
    return f"INSERT INTO set_aside_other SELECT {row} FROM {form.table}"


BY_NUMBER: Final = "WHERE number = :key0"
BY_NAME: Final = "WHERE CAST(kind AS BLOB) = :key0 AND CAST(name AS BLOB) = :key1"
ASIDE: Final = {
    "job": (
        f"INSERT INTO set_aside SELECT number, head, workload, :reason, :at FROM job {BY_NUMBER}",
        f"DELETE FROM job {BY_NUMBER}",
        f"{keeping(DEAD)} {BY_NUMBER}",
        f"DELETE FROM dead {BY_NUMBER}",
    ),
    "dead": (f"{keeping(DEAD)} {BY_NUMBER}", f"DELETE FROM dead {BY_NUMBER}"),
    "result": (f"{keeping(RESULT)} {BY_NUMBER}", f"DELETE FROM result {BY_NUMBER}"),
    "document": (f"{keeping(DOCUMENT)} {BY_NAME}", f"DELETE FROM document {BY_NAME}"),
}


def keyed(row: WrongRow) -> dict[str, object]:
    """The key of a row as the statements that set it aside want it."""
    if row.table != "document":
        return {"key0": row.key[0]}
    kind, name = (part if isinstance(part, bytes) else as_bytes(str(part)) for part in row.key)
    return {"key0": kind, "key1": name}


def parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """The rows in statements' worths: of a few sizes only, so that few statements are prepared, once each."""
    start = 0
    for size in SIZES:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size
