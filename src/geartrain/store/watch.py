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
            fault = difference(self.path + end, left)
            if fault:
                return fault
        if not os.access(self.path, os.R_OK | os.W_OK, effective_ids=True):
            return f"{self.path} must not be written to"
        return ""

    def is_touched(self) -> bool:
        """Whether one of the files was written to since it was left, as far as its time tells.

        Raises OSError where there is none.
        """
        ends = self.left.items()
        return any(os.stat(self.path + end).st_mtime_ns != left.st_mtime_ns for end, left in ends)

    def lost(self) -> str:
        """What is there in place of one of the files; empty where each is the one it was, of whatever size."""
        for end, left in self.left.items():
            fault = difference(self.path + end, left, any_size=True)
            if fault:
                return fault
        return ""


def identity(found: os.stat_result) -> Identity:
    """By what a file is known, whatever its name."""
    return found.st_dev, found.st_ino


def difference(path: str, left: os.stat_result, any_size: bool = False) -> str:
    """What somebody has done to a file; empty where it is as it was left, or larger."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return f"{path} was removed"
    except OSError as error:
        return f"cannot look at {path}: {error.strerror}"
    if identity(found) != identity(left):
        return f"{path} was replaced by another file"
    if found.st_size < left.st_size and not any_size:
        return f"{path} was cut from {left.st_size} to {found.st_size} bytes"
    return ""
