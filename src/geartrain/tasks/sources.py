"""The source files of an application, for ``--reload``."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

INTERVAL: Final = 0.5  # seconds between two looks
NOT_OURS: Final = {"__pycache__", "node_modules"}


def modified(root: Path) -> dict[str, float]:
    """When each Python file below a folder was changed; hidden folders and virtual environments are left out."""
    times: dict[str, float] = {}
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
                try:
                    times[str(path)] = path.stat().st_mtime
                except FileNotFoundError:  # an editor was faster
                    continue
    return times


async def changed(root: Path) -> str:
    """Wait until a Python file below a folder is written, made or removed, and say which."""
    before = await asyncio.to_thread(modified, root)
    while True:
        await asyncio.sleep(INTERVAL)
        now = await asyncio.to_thread(modified, root)
        different = {path for path, _ in before.items() ^ now.items()}
        if different:
            return os.path.relpath(min(different), root)
