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

HOST: Final = "127.0.0.1"
PATIENCE: Final = 20.0  # seconds that a server may take to start, and to end


class Server:
    """A job server for the time of a ``with`` block, on a port of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        descriptor, path = tempfile.mkstemp()
        os.unlink(path)
        self.log = os.fdopen(descriptor, "r+b")
        self.process = subprocess.Popen(
            command_of(name, self.port), stdout=self.log, stderr=self.log, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE
        while not self.accepts():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit(f"{name} did not start: {self.said()}")
            time.sleep(0.01)

    def accepts(self) -> bool:
        """Whether the port takes a connection."""
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def memory(self) -> int:
        """Bytes of the machine's memory that the server has."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    def said(self) -> str:
        """What it wrote to its log."""
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def stop(self) -> None:
        """End it; what it holds is not worth a graceful stop."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.log.close()


def command_of(name: str, port: int) -> list[str]:
    """How a server is started."""
    if name == "geartrain":
        options = ["--listen", HOST, "--port", str(port), "--store", "memory:"]
        return [sys.executable, "-m", "geartrain", "server", *options]
    program = gearmand()
    assert program
    return [program, "--listen", HOST, "--port", str(port), "--log-file", "stderr"]


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
