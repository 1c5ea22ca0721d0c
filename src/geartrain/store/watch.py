"""Whether a file of jobs is still what a server left there: somebody may remove, replace or cut it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

LOG: Final = "-wal"  # of SQLite, beside the file

Identity = tuple[int, int]  # device and inode


class Watch:
    """Looks at the file at ``path``, and at SQLite's log beside it, by their names only.

    It opens neither: a process that closes a descriptor of the file loses SQLite's locks on it.
    """

    def __init__(self, path: str, ends: Sequence[str] = ("", LOG)) -> None:
        self.path = path
        self.ends = ends  # of the names of the files
        self.left: dict[str, os.stat_result] = {}  # the files as they were last left, by the name's end
        self.renew()

    def renew(self) -> None:
        """The files are ours as they are now; raises OSError where there is none."""
        self.left = {"": os.stat(self.path)}
        for end in self.ends:
            if os.path.exists(self.path + end):  # some file systems are not for SQLite's log
                self.left[end] = os.stat(self.path + end)

    def leave(self) -> None:
        """We have written: the files are as large as they should be now."""
        for end, left in self.left.items():
            found = os.stat(self.path + end)
            if identity(found) == identity(left):
                self.left[end] = found

    def fault(self) -> str:
        """Why nothing may be written; empty where all is as it was left."""
        for end, left in self.left.items():
            fault = lost(self.path + end, identity(left)) or shortened(self.path + end, left.st_size)
            if fault:
                return fault
        if not os.access(self.path, os.R_OK | os.W_OK, effective_ids=True):
            return f"{self.path} must not be written to"
        return ""

    def lost(self) -> str:
        """What is there in place of one of the files; empty where each is the one it was."""
        for end, left in self.left.items():
            fault = lost(self.path + end, identity(left))
            if fault:
                return fault
        return ""


def identity(found: os.stat_result) -> Identity:
    """By what a file is known, whatever its name."""
    return found.st_dev, found.st_ino


def lost(path: str, expected: Identity) -> str:
    """What is at a path in place of a file; empty where that is there."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return f"{path} was removed"
    except OSError as error:
        return f"cannot look at {path}: {error.strerror}"
    return "" if identity(found) == expected else f"{path} was replaced by another file"


def shortened(path: str, size: int) -> str:
    """By how much a file was cut; empty where it was not."""
    found = os.stat(path).st_size
    return "" if found >= size else f"{path} was cut from {size} to {found} bytes"
