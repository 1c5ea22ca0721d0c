"""Programs that the benchmark runs for a while, and what they take of the machine."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0  # seconds that a program may take to start, and to end
DISK: Final = "/var/tmp"  # /tmp is memory on some systems
ELSEWHERE: Final = "/usr/sbin:/usr/local/sbin"  # not on every user's PATH, where Debian has some servers


class Process:
    """A program that answers on a port, for the time of a ``with`` block."""

    def __init__(
        self, name: str, port: int, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.port = port
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        self.log = os.fdopen(descriptor, "r+b")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, start_new_session=True, env=environment
        )
        deadline = time.monotonic() + PATIENCE
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{name} did not start: {self.said()}")
            time.sleep(0.01)

    def question(self) -> bytes:
        """What it has an answer to as soon as it serves."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it takes a connection, and answers a question."""
        try:
            return bool(self.ask(self.question()))
        except OSError:
            return False

    def ask(self, question: bytes) -> bytes:
        """The beginning of the answer to a question; raises OSError."""
        with socket.create_connection((HOST, self.port), PATIENCE) as link:
            link.sendall(question)
            return link.recv(1 << 16)

    def processes(self) -> list[int]:
        """Its process, and those which that has begun: a store has one of its own."""
        pid = self.process.pid
        children = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
        return [pid, *(int(child) for some in children for child in some)]

    def memory(self) -> int:
        """Bytes of the machine's memory that it has, in all of its processes."""
        pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.processes()]
        return sum(map(int, pages)) * resource.getpagesize()

    def cpu(self) -> float:
        """Seconds of a processor that it has used so far, in all of its processes."""
        return sum(map(cpu_of, self.processes()))

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


def cpu_of(pid: int) -> float:
    """Seconds of a processor that a process has used, for itself and in the system, its threads together."""
    # The clock that clock_getcpuclockid(3) gives; /proc has the same in hundredths of a second.
    return time.clock_gettime(~pid << 3 | 2)


def folder_on_disk() -> tempfile.TemporaryDirectory[str]:
    """A fresh folder for the time of a ``with`` block."""
    # A process that is being killed may still have its hands in it.
    return tempfile.TemporaryDirectory(dir=DISK, prefix="geartrain-bench-", ignore_cleanup_errors=True)


def program(*names: str) -> str | None:
    """The path of the first of some programs that is installed; None where none is."""
    path = f"{os.environ['PATH']}:{ELSEWHERE}"
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
