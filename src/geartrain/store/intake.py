"""Taking jobs from elsewhere into a file that no server uses."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from geartrain.broker.batch import Document, JobRecord, ResultRecord
from geartrain.broker.model import LONGEST_HANDLE, LONGEST_PREFIX
from geartrain.broker.rows import LARGEST_NUMBER, row_of
from geartrain.errors import StoreError
from geartrain.store.checksums import DEAD, RESULT, job_in, sealed
from geartrain.store.database import Database
from geartrain.store.equals import Equals
from geartrain.store.portable import DeadJob, Item
from geartrain.store.reading import as_bytes, last_number
from geartrain.store.upgrade import upgrade
from geartrain.store.writer import make_folder

POSSIBLE: Final = f"WHERE number <= {LARGEST_NUMBER}"
LAST: Final = (
    f"SELECT ifnull((SELECT max(number) FROM job {POSSIBLE}), 0),"
    f" ifnull((SELECT max(number) FROM result {POSSIBLE}), 0)"
)
HEAD: Final = "SELECT CAST(head AS BLOB) FROM job WHERE number = ?"
HANDLE: Final = "SELECT handle FROM result WHERE number = ?"
DOCUMENT: Final = "SELECT 1 FROM document WHERE kind = ? AND name = ?"


@dataclass
class Taken:
    """How many of each kind were taken."""

    jobs: int = 0
    dead: int = 0  # dead letters
    results: int = 0
    documents: int = 0  # policies, schedules
    skipped: int = 0  # they were there already
    # Of the jobs and dead letters: their handle has over 63 bytes, or the number of another job, so it is a new one.
    renumbered: int = 0


class Intake:
    """Takes items into the file at ``path``, which is made if there is none; raises StoreError.

    Items that are there already are skipped. A job that needs a new handle joins an equal one, as a submit does.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.prefix = f"H:{socket.gethostname()}".encode()[:LONGEST_PREFIX] + b":"  # as a server cuts it
        self.taken = Taken()
        try:
            make_folder(Path(path).parent, "")
            before = files_of(path)
            self.database = Database(path, "full", os.getpid())
            share(files_of(path) - before)
        except OSError as error:
            raise StoreError(f"cannot use {path}: {error.strerror}") from None
        self.connection = self.database.connection
        self.equals = Equals(self.connection)
        self.last = 0  # the highest number of any job so far

    def take(self, items: Iterable[Item]) -> Taken:
        """Take all of the items, or none where one of them or the file is wrong, and let go of the file."""
        try:
            upgrade(self.database)
            with self.database.transaction():
                self.last = max(last_number(self.connection) or 0, *self.connection.execute(LAST).fetchone())
                for item in items:
                    self.take_item(item)
                self.database.set_last_number(self.last)
        except sqlite3.Error as error:
            raise StoreError(f"cannot write to {self.path}: {error}") from None
        finally:
            with contextlib.suppress(sqlite3.Error):  # what is committed is kept, in the log beside the file
                self.database.close(0)
        return self.taken

    def take_item(self, item: Item) -> None:
        if isinstance(item, Document):
            self.take_document(item)
        elif isinstance(item, ResultRecord):
            self.take_result(item)
        elif isinstance(item, DeadJob):
            number = self.place(item.job, joins=False)
            if number:
                self.database.insert("dead", [sealed(DEAD, item.dead._replace(number=number))])
                self.taken.dead += 1
        elif self.place(item, joins=True):
            self.taken.jobs += 1

    def take_document(self, document: Document) -> None:
        """Keep a document, unless there is one of that kind and name."""
        if self.connection.execute(DOCUMENT, (document.kind, as_bytes(document.name))).fetchone():
            self.taken.skipped += 1
            return
        self.database.set_documents([document])
        self.taken.documents += 1

    def take_result(self, result: ResultRecord) -> None:
        """Keep a result, unless its job's number is in use."""
        if self.owner(result.number) is not None:
            self.taken.skipped += 1
            return
        self.last = max(self.last, result.number)
        self.database.insert("result", [sealed(RESULT, result)])
        self.taken.results += 1

    def place(self, job: JobRecord, joins: bool) -> int:
        """Keep a job, which ``joins`` an equal one or is like no other; its number, 0 where it is there already."""
        if len(job.handle) > LONGEST_HANDLE:
            job = job._replace(number=0, handle=b"")
            self.taken.renumbered += 1
        owner = self.owner(job.number)
        if job.handle and owner == job.handle:
            self.taken.skipped += 1
            return 0
        if owner is not None or not job.number:
            if joins and self.equals.has(job):
                self.taken.skipped += 1
                return 0
            self.taken.renumbered += owner is not None
            number = self.last + 1
            job = job._replace(number=number, handle=self.prefix + b"%d" % number)
        self.last = max(self.last, job.number)
        self.database.insert_jobs([(*row_of(job)[:2], job.workload or b"")])
        if joins:
            self.equals.add(job)
        return job.number

    def owner(self, number: int) -> bytes | None:
        """The handle with that number; None where there is none, and empty where it cannot be read."""
        if not 0 < number <= self.last:
            return None
        found = self.connection.execute(HEAD, (number,)).fetchone()
        if found is not None:
            return handle_in(number, found[0])
        found = self.connection.execute(HANDLE, (number,)).fetchone()
        return None if found is None else bytes(found[0])


def handle_in(number: int, head: bytes) -> bytes:
    """The handle in a row; empty where it is no job's."""
    try:
        return job_in(number, head, None, 0).handle
    except ValueError:
        return b""


def files_of(path: str) -> set[Path]:
    """The file of jobs and those beside it, as far as they are there."""
    return set(Path(path).parent.glob(f"{glob.escape(Path(path).name)}*"))


def share(files: Iterable[Path]) -> None:
    """Give new files to whom their folder belongs, if we may: the server that uses them need not be root's."""
    if os.geteuid() != 0:
        return
    for file in files:
        folder = file.parent.stat()
        shutil.chown(file, folder.st_uid, folder.st_gid)
