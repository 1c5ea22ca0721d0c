"""The source files of an application, for ``--reload``."""

from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Final

INTERVAL: Final = 0.5  # seconds between two looks
NOT_OURS: Final = {"__pycache__", "node_modules"}

Version = tuple[int, int]  # when a file was written, and its size: it may be seen while it is being written


def versions(root: Path) -> dict[str, Version]:
    """The version of each Python file below a folder; hidden folders and virtual environments are left out."""
    found: dict[str, Version] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in NOT_OURS
            and not Path(folder, name, "pyvenv.cfg").exists()
        ]
        for name in files:
            if name.endswith(".py"):
                path = Path(folder, name)
                with contextlib.suppress(FileNotFoundError):  # an editor was faster
                    status = path.stat()
                    found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found


class Sources:
    """The Python files below a folder, as they are when this object is made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.versions = versions(root)

    async def changed(self) -> str:
        """Wait until a file is written, made or removed, since the last time, and say which."""
        while True:
            before, self.versions = self.versions, await asyncio.to_thread(versions, self.root)
            different = {path for path, _ in before.items() ^ self.versions.items()}
            if different:
                return os.path.relpath(min(different), self.root)
            await asyncio.sleep(INTERVAL)
