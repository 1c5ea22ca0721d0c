"""Making a file of an older form one of ours, in place."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from typing import Final

from geartrain.broker.rows import OLD_VERSION, record_of, row_of, sealed_head
from geartrain.store.checksums import FORMS, opened, sealed
from geartrain.store.database import Database
from geartrain.store.reading import UPGRADE, version_of
from geartrain.store.schema import OTHER_TABLE, VERSION

PIECE_JOBS: Final = 2000  # of a transaction
PIECE_BYTES: Final = 16 * 1024 * 1024
FROM_THE_START: Final = -(2**63)
JOBS: Final = (
    "SELECT number, CAST(head AS BLOB), CAST(workload AS BLOB) FROM job WHERE number > ? ORDER BY number"
)
MARK: Final = "SELECT 1 FROM document WHERE kind = ?"

Changes = list[tuple[bytes, int]]  # head and number


def upgrade(database: Database) -> str:
    """Give each row the form and the checksum that it has today; what was done, empty where nothing was to do.

    It may be broken off at any moment: the next start goes on. Raises sqlite3.Error.
    """
    began = time.monotonic()
    if version_of(database.connection) < VERSION:
        upgrade_tables(database)
    if database.connection.execute(MARK, (UPGRADE,)).fetchone() is None:
        return ""
    count = 0
    for changes in changes_in_pieces(database.connection):
        with database.transaction():
            database.connection.executemany("UPDATE job SET head = ? WHERE number = ?", changes)
        count += len(changes)
    with database.transaction():
        database.set_documents([(UPGRADE, "jobs", "")])
    seconds = time.monotonic() - began
    return f"the store is of version {VERSION} now: {count} jobs have a checksum, after {seconds:.1f} seconds"


def upgrade_tables(database: Database) -> None:
    """All but the jobs, in one transaction; from then on an older Geartrain refuses the file."""
    connection = database.connection
    with database.transaction():
        connection.execute(OTHER_TABLE)
        for form in FORMS:
            for row in connection.execute(f"SELECT {form.columns} FROM {form.table}").fetchall():
                try:
                    database.insert(form.table, [sealed(form, opened(form, row, has_checksum=False))])
                except ValueError:
                    continue  # it has no checksum, so the load sets it aside
        database.set_documents([(UPGRADE, "jobs", "begun")])
        connection.execute(f"PRAGMA user_version = {VERSION}")


def changes_in_pieces(connection: sqlite3.Connection) -> Iterator[Changes]:
    """The heads that jobs of the first version should have."""
    number = FROM_THE_START
    while True:
        changes: Changes = []
        size = 0
        reached = number
        for reached, head, workload in connection.execute(JOBS, (number,)):
            size += len(workload or b"")
            changes += change_of(reached, head, workload or b"")
            if size >= PIECE_BYTES or len(changes) >= PIECE_JOBS:
                break
        if reached == number:
            return
        number = reached
        yield changes


def change_of(number: int, head: bytes, workload: bytes) -> Changes:
    """The head of a job of the first version as it should be; nothing for any other row."""
    if head[:1] != bytes([OLD_VERSION]):
        return []
    try:
        record = record_of(number, head, workload, len(workload))
    except ValueError:
        return []  # no job: the load sets it aside
    return [(sealed_head(number, row_of(record)[1], workload), number)]
