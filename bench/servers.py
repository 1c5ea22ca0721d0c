"""Job servers as processes."""

from __future__ import annotations

import os
import sys

from bench.compiled import compiled
from bench.process import HOST, Process, free_port, program


class Server(Process):
    """A job server for the time of a ``with`` block, on a port of its own.

    It keeps its jobs in ``folder``, which may be on a slow disk, or is of the ``pool`` that these options name;
    without either its jobs are in memory only. ``options`` are more of its own.
    """

    def __init__(
        self,
        name: str,
        folder: str = "",
        slow_disk: bool = False,
        pool: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> None:
        port = free_port()
        disk = {"LD_PRELOAD": compiled("slow_disk.c", "-shared", "-fPIC")} if slow_disk else {}
        super().__init__(
            name, port, [*command_of(name, port, folder, pool), *options], {**os.environ, **disk}
        )

    def question(self) -> bytes:
        return b"version\n"

    @property
    def ports(self) -> list[int]:
        """Where a load goes."""
        return [self.port]


def command_of(name: str, port: int, folder: str, pool: tuple[str, ...]) -> list[str]:
    """How a server is started."""
    options = ["--listen", HOST, "--port", str(port)]
    if name == "geartrain":
        store = pool or ("--store", f"sqlite:{folder}/jobs.db" if folder else "memory:")
        return [sys.executable, "-m", "geartrain", "server", *options, *store]
    path = gearmand()
    assert path
    queue = ["-q", "libsqlite3", "--libsqlite3-db", f"{folder}/queue.db"] if folder else []
    return [path, *options, "--log-file", "stderr", *queue]


def installed_servers() -> list[str]:
    """Ours, and gearmand where it is installed."""
    return ["geartrain", "gearmand"] if gearmand() else ["geartrain"]


def gearmand() -> str | None:
    """The program's path; None where it is not installed."""
    return program("gearmand")
