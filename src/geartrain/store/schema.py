"""The file of jobs: its form, whose it is, and who may use it."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import IO, Any, Final

from geartrain.errors import StoreError

APPLICATION: Final = 0x47654172  # what the header of an SQLite file says of whose it is
VERSION: Final = 2
UMASK: Final = 0o027  # of whoever makes such a file: workloads are nobody else's business
UNKNOWN: Final = -1  # process id
LONGEST_PROCESS_ID: Final = 10  # digits
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
    try:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except UnicodeDecodeError as error:  # of SQLite's message, which quotes what is damaged
        told = error.object.decode("utf-8", "backslashreplace")
        raise StoreError(f"cannot read {path}: {' '.join(told.split())}") from None
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


# Whose it is


class Lock:
    """The sole use of a file of jobs, until it is closed.

    It holds two locks of the system (flock). One is on the file itself, so it holds under any name of the file, and
    nobody can take it away by removing another file. The other is on a file beside it, which says the process id.

    SQLite's own locks do not do: they are let go between two transactions, and a process loses them when it closes any
    other descriptor of the file. So ``close`` comes after SQLite has let go of the file.
    """

    def __init__(self, path: str, file: IO[bytes], note: IO[str]) -> None:
        self.path = path
        self.file = file
        self.note = note

    def sign(self, owner: int) -> None:
        """Say whose it is, by the process id."""
        self.note.truncate(0)
        self.note.write(f"{owner}\n")
        self.note.flush()

    def close(self) -> None:
        """Let others have the file."""
        self.file.close()
        self.note.close()

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lock_path(path: str) -> str:
    """The file that says who uses the file of jobs."""
    return f"{os.path.realpath(path)}.lock"


def owner_of(path: str) -> int:
    """The process id of the server that uses a file of jobs; 0 where none does, -1 where it is not known.

    Raises StoreError.
    """
    try:
        with open_plain(path, os.O_RDONLY) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return 0
    except BlockingIOError:
        return noted_owner(path) or UNKNOWN
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StoreError(f"cannot say who uses {path}: {error.filename}: {error.strerror}") from None


def noted_owner(path: str) -> int:
    """The process id in the file beside a file of jobs; 0 where there is none."""
    try:
        noted = Path(lock_path(path)).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return 0
    return int(noted) if noted.isdecimal() and len(noted) <= LONGEST_PROCESS_ID else 0


def process_of(owner: int) -> str:
    """How a message ends that says who uses a file of jobs."""
    return f", process {owner}" if owner > 0 else ""


def take_lock(path: str, owner: int) -> Lock:
    """Be the only one that uses a file of jobs, which is made if there is none; raises StoreError."""
    try:
        note = open_lock(path)
        file = open_plain(path, os.O_RDONLY | os.O_CREAT)
    except OSError as error:
        raise StoreError(f"cannot use {path}: {error.filename}: {error.strerror}") from None
    lock = Lock(path, file, note)
    deadline = time.monotonic() + LOCK_PATIENCE
    while not (is_taken(note) and is_taken(file)):
        if time.monotonic() > deadline:
            lock.close()
            raise StoreError(f"{path} is in use by another server{process_of(noted_owner(path))}")
        time.sleep(0.05)
    lock.sign(owner)
    return lock


def open_lock(path: str) -> IO[str]:
    return open(lock_path(path), "a+", encoding="utf-8")


def open_plain(path: str, flags: int) -> IO[bytes]:
    """Open a plain file; raises OSError where there is something else."""
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no plain file", path)
    return os.fdopen(descriptor, "rb")


def is_taken(file: IO[Any]) -> bool:
    """Whether the lock on a file is ours now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
