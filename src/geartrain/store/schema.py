"""The file of jobs: its form, whose it is, and who may use it."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from pathlib import Path
from typing import IO, Final

from geartrain.errors import StoreError

APPLICATION: Final = 0x47654172  # what the header of an SQLite file says of whose it is
VERSION: Final = 2
UMASK: Final = 0o027  # of whoever makes such a file: workloads are nobody else's business
LOCK_PATIENCE: Final = 5.0  # seconds that the server before us may take to end

# Rows of other tables than "job", which has "set_aside".
OTHER_TABLE: Final = "CREATE TABLE set_aside_other (kind TEXT, name BLOB, content BLOB, reason TEXT, at REAL)"
SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE job (number INTEGER PRIMARY KEY, head BLOB NOT NULL, workload BLOB NOT NULL);
CREATE TABLE dead (
    number INTEGER PRIMARY KEY, reason TEXT NOT NULL, worker BLOB NOT NULL, error BLOB NOT NULL, died_at REAL NOT NULL
);
CREATE TABLE result (
    number INTEGER PRIMARY KEY, handle BLOB NOT NULL, function BLOB NOT NULL, "unique" BLOB NOT NULL,
    state TEXT NOT NULL, result BLOB NOT NULL, submitted_at REAL NOT NULL, started_at REAL NOT NULL,
    finished_at REAL NOT NULL, expires_at REAL NOT NULL, attempts INTEGER NOT NULL, worker BLOB NOT NULL
);
CREATE TABLE document (
    kind TEXT NOT NULL, name BLOB NOT NULL, text BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE set_aside (number INTEGER NOT NULL, head BLOB, workload BLOB, reason TEXT NOT NULL, at REAL NOT NULL);
{OTHER_TABLE};
CREATE TABLE numbering (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT INTO numbering VALUES (1, 0);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""


def connect(path: str, read_only: bool = False) -> sqlite3.Connection:
    """A connection whose transactions are begun and ended by hand; raises sqlite3.Error."""
    mode = "ro" if read_only else "rwc"
    uri = f"{Path(path).absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=LOCK_PATIENCE, cached_statements=64
    )
    connection.text_factory = as_odd_text
    return connection


def as_odd_text(data: bytes) -> str:
    """A text that a damaged file may have in place of another."""
    return data.decode("utf-8", "surrogateescape")


def check_form(connection: sqlite3.Connection, path: str) -> bool:
    """Whether the file has our tables; raises StoreError where it is not ours, and sqlite3.Error."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application == 0 and tables == 0:
        return False
    if application != APPLICATION:
        raise StoreError(
            f"{path} is the SQLite file of another program, a file of Geartrain's jobs is expected"
        )
    if version > VERSION:
        raise StoreError(
            f"{path} is of a newer Geartrain: its form is version {version}, this one knows versions up to {VERSION}"
        )
    return True


def prepare(connection: sqlite3.Connection, path: str) -> None:
    """Make our tables in a new file; raises StoreError where the file is not ours, and sqlite3.Error."""
    if not check_form(connection, path):
        connection.executescript(SCHEMA)


def lock_path(path: str) -> str:
    """The file that says who uses the file of jobs."""
    return f"{path}.lock"


def owner_of(path: str) -> int:
    """The process id of the server that uses a file of jobs; 0 where none does. Raises StoreError."""
    try:
        with open(lock_path(path), encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return 0
    except BlockingIOError:
        return int(Path(lock_path(path)).read_text(encoding="utf-8") or "0")
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(f"cannot say who uses {path}: {error.filename}: {error.strerror}") from None


def take_lock(path: str, owner: int) -> IO[str]:
    """Be the only one that uses a file of jobs, until the lock is closed; raises StoreError.

    SQLite's own locks are let go between two transactions, so they do not do.
    """
    lock = open_lock(path)
    deadline = time.monotonic() + LOCK_PATIENCE
    while not is_taken(lock):
        if time.monotonic() > deadline:
            lock.seek(0)
            raise StoreError(f"{path} is in use by another server, process {lock.read().strip()}")
        time.sleep(0.05)
    sign(lock, owner)
    return lock


def sign(lock: IO[str], owner: int) -> None:
    """Say in a lock whose it is, by the process id."""
    lock.truncate(0)
    lock.write(f"{owner}\n")
    lock.flush()


def open_lock(path: str) -> IO[str]:
    try:
        return open(lock_path(path), "a+", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.filename}: {error.strerror}") from None


def is_taken(lock: IO[str]) -> bool:
    """Whether the lock is ours now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
