"""Disks that are small, or do not answer."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.machine import missing
from tests.support.processes import ServerProgram


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[Path]:
    """A file system of its own."""
    path.mkdir()
    if os.geteuid() != 0 or mount("-t", "tmpfs", "-o", f"size={size}", "none", str(path)):
        missing("the right to mount a small file system")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode


@contextmanager
def writer_stopped(server: ServerProgram) -> Iterator[None]:
    """The process that writes does not get on, as with a disk that does not answer."""
    server.wait_for_output("listening")  # by then it has loaded what there is
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(children[0]), signal.SIGCONT)
