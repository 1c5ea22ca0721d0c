"""Job servers as processes, and what they take of the machine."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.compiled import compiled

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0  # seconds that a server may take to start, and to end
DISK: Final = "/var/tmp"  # /tmp is memory on some systems


class Server:
    """A job server for the time of a ``with`` block, on a port of its own.

    It keeps its jobs in ``folder``, which may be on a slow disk; without one they are in memory only.
    """

    def __init__(self, name: str, folder: str = "", slow_disk: bool = False) -> None:
        self.name = name
        self.port = free_port()
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        self.log = os.fdopen(descriptor, "r+b")
        self.process = subprocess.Popen(
            command_of(name, self.port, folder),
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
            env={**os.environ, "LD_PRELOAD": compiled("slow_disk.c", "-shared", "-fPIC")}
            if slow_disk
            else None,
        )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{name} did not start: {self.said()}")
            time.sleep(0.01)

    def answers(self) -> bool:
        """Whether it takes a connection, and answers a question."""
        with socket.socket() as probe:
            probe.settimeout(PATIENCE)
            try:
                probe.connect((HOST, self.port))
                probe.sendall(b"version\n")
                return bool(probe.recv(100))
            except OSError:
                return False

    def processes(self) -> list[int]:
        """Its process, and those which that has begun: a store has one of its own."""
        pid = self.process.pid
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        return [pid, *(int(child) for some in children for child in some)]

    def memory(self) -> int:
        """Bytes of the machine's memory that the server has, in all of its processes."""
        pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.processes()]
        return sum(map(int, pages)) * resource.getpagesize()

    def said(self) -> str:
        """What it wrote to its log."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def kill(self) -> None:
        """End its process by SIGKILL, and see to nothing else."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> None:
        """End it with all that it began; what it holds is not worth a graceful stop."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.log.close()


def command_of(name: str, port: int, folder: str) -> list[str]:
    """How a server is started."""
    options = ["--listen", HOST, "--port", str(port)]
    if name == "geartrain":
        store = f"sqlite:{folder}/jobs.db" if folder else "memory:"
        return [sys.executable, "-m", "geartrain", "server", *options, "--store", store]
    program = gearmand()
    assert program
    queue = ["-q", "libsqlite3", "--libsqlite3-db", f"{folder}/queue.db"] if folder else []
    return [program, *options, "--log-file", "stderr", *queue]


def folder_on_disk() -> tempfile.TemporaryDirectory[str]:
    """A fresh folder for the time of a ``with`` block."""
    # A process that is being killed may still have its hands in it.
    return tempfile.TemporaryDirectory(dir=DISK, prefix="geartrain-bench-", ignore_cleanup_errors=True)


def installed_servers() -> list[str]:
    """Ours, and gearmand where it is installed."""
    return ["geartrain", "gearmand"] if gearmand() else ["geartrain"]


def gearmand() -> str | None:
    """The program's path; None where it is not installed."""
    # Debian has it in a folder that is not on every user's PATH.
    return shutil.which("gearmand", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
