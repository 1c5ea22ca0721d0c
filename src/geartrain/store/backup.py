"""Copies of a file of jobs, made while a server uses it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from geartrain.errors import StoreError
from geartrain.store.new_file import new_file
from geartrain.store.snapshot import snapshot

PAGES: Final = 2048  # that are copied between two reports

Report = Callable[[int, int], None]  # pages copied so far, and in all


class Copied(NamedTuple):
    """What a backup has in it."""

    jobs: int
    bytes: int


def back_up(source: str, target: Path, replace: bool, report: Report) -> Copied:
    """Copy the file of jobs at ``source`` as it is now; whoever writes to it goes on.

    The copy is a store itself, whole in one file. Raises StoreError and SettingsError.
    """
    with snapshot(source) as connection, new_file(target, replace, source) as part:
        jobs = copy(connection, part, target, report)
        return Copied(jobs, part.stat().st_size)


def copy(connection: sqlite3.Connection, part: Path, target: Path, report: Report) -> int:
    """Copy all there is and check the copy; how many jobs are in it."""
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copied:
            copied.execute("PRAGMA journal_mode = OFF")  # a copy that is broken off is thrown away
            # The view of the source stands still, so the copy does not begin anew when a server writes.
            connection.backup(copied, pages=PAGES, progress=lambda _, left, all: report(all - left, all))
            copied.execute("PRAGMA journal_mode = DELETE")  # no other file is needed to read it
            (finding,) = copied.execute("PRAGMA quick_check(1)").fetchone()
            if finding != "ok":
                raise StoreError(f"the copy is damaged, and so is its source: {finding}")
            (jobs,) = copied.execute("SELECT count(*) FROM job").fetchone()
    except sqlite3.Error as error:
        raise StoreError(f"cannot copy to {target}: {error}") from None
    return int(jobs)
