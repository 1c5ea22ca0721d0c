"""Reading a file of jobs while a server writes to it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from geartrain.errors import StoreError
from geartrain.store.schema import check_form, connect


@contextlib.contextmanager
def snapshot(path: str) -> Iterator[sqlite3.Connection]:
    """A connection that sees the file as it is now, whatever a server writes meanwhile, and that writes nothing.

    Raises StoreError where the file cannot be read, also in the middle.
    """
    check_readable(path)
    try:
        with contextlib.closing(connect(path, read_only=True)) as connection:
            if not check_form(connection, path):
                raise StoreError(f"{path} is empty, a file of Geartrain's jobs is expected")
            connection.execute("BEGIN")
            connection.execute("SELECT last FROM numbering").fetchone()  # from here on the view stands still
            yield connection
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {path}: {error}") from None


def check_readable(path: str) -> None:
    """Look whether there is a file that we may read; raises StoreError."""
    try:
        with open(path, "rb"):
            return
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
