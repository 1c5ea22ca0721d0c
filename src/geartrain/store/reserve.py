"""A file that takes room on the disk, so that there is some when it is full."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

LITTLE_SPACE: Final = 100 * 1024 * 1024  # bytes free on a disk: somebody should make room
MOST_BYTES: Final = 32 * 1024 * 1024
LEAST_BYTES: Final = 64 * 1024
PART_OF_THE_FREE: Final = 8  # of a small disk, only the eighth part of what is free


class Reserve:
    """The room that is kept beside the file at ``path``.

    When a disk is full, the log beside the file can be as large as two checkpoints, since the last ones found no room.
    All of it has to get into the file before the log can begin anew, so a checkpoint is due at half of the reserve.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(f"{path}.reserve")
        disk = os.statvfs(self.path.parent)
        self.size = max(LEAST_BYTES, min(MOST_BYTES, disk.f_bavail * disk.f_frsize // PART_OF_THE_FREE))
        self.is_there = False

    def make(self) -> bool:
        """Take the room, if it is there."""
        try:
            with self.path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.size)
        except OSError:
            self.give_up()
            return False
        self.is_there = True
        return True

    def give_up(self) -> None:
        """Let others have the room."""
        self.is_there = False
        self.path.unlink(missing_ok=True)
