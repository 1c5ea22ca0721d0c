"""Which queued jobs of a file a submit would join."""

from __future__ import annotations

import sqlite3
from typing import Final

from geartrain.broker.batch import JobRecord
from geartrain.broker.model import CONTENT
from geartrain.store.checksums import job_in

TABLE: Final = (
    "CREATE TEMP TABLE equals (function BLOB, name BLOB, content BLOB, PRIMARY KEY (function, name, content))"
    " WITHOUT ROWID"
)
QUEUED: Final = (
    "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB) FROM job"
    " WHERE number NOT IN (SELECT number FROM dead)"
)


class Equals:
    """The jobs by function and unique, looked up only once somebody asks; raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.is_filled = False

    def has(self, job: JobRecord) -> bool:
        """Whether there is a job that a submit of this one would join."""
        key = key_of(job)
        if key is None:
            return False
        if not self.is_filled:
            self.fill()
        question = "SELECT 1 FROM equals WHERE function = ? AND name = ? AND content = ?"
        return self.connection.execute(question, key).fetchone() is not None

    def add(self, job: JobRecord) -> None:
        """One more job is in the file."""
        key = key_of(job)
        if self.is_filled and key is not None:
            self.connection.execute("INSERT OR IGNORE INTO equals VALUES (?, ?, ?)", key)

    def fill(self) -> None:
        self.connection.execute(TABLE)
        self.is_filled = True
        for number, head, workload in self.connection.execute(QUEUED):
            try:
                self.add(job_in(number, head, workload, 0))
            except ValueError:
                continue  # no job, so nobody can join it


def key_of(job: JobRecord) -> tuple[bytes, bytes, bytes] | None:
    """What equal jobs have in common; None where no other job is like this one."""
    if job.unique == CONTENT:
        return (job.function, job.unique, job.workload) if job.workload else None
    return (job.function, job.unique, b"") if job.unique else None
