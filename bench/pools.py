"""Servers of a pool with the engine that has its jobs, as processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final, NamedTuple

from bench.process import HOST, PATIENCE, Process, folder_on_disk, free_port, program
from bench.row import NotMeasured
from bench.servers import Server
from geartrain.sync.admin import Admin

SETTINGS: Final = (
    "--appendonly",
    "yes",
    "--appendfsync",
    "everysec",
    "--save",
    "",
    "--repl-diskless-sync-delay",
    "0",
)
PROGRAMS: Final = ("valkey-server", "redis-server")


class Layout(NamedTuple):
    """How a pool is set up."""

    servers: int
    loaded: tuple[int, ...]  # the servers that clients and workers are connected to; 0 leads
    options: tuple[str, ...] = ()  # of each server
    replicas: int = 0  # of the engine


class Use(NamedTuple):
    """Seconds of a processor."""

    leader: float
    followers: float  # together
    engine: float  # the primary


class Engine(Process):
    """A Valkey or Redis that keeps its jobs in a folder, and writes them to the disk once a second."""

    def __init__(self, folder: str, *options: str) -> None:
        port = free_port()
        place = ("--bind", HOST, "--port", str(port), "--dir", folder)
        super().__init__("the engine", port, [engine_program(), *place, *SETTINGS, *options])

    def question(self) -> bytes:
        return b"PING\r\n"

    def has_replicas(self, count: int) -> bool:
        """Whether so many replicas are in step."""
        return self.ask(b"INFO replication\r\n").count(b"state=online") == count


class Pool:
    """Servers of one shard on one engine; the first of them leads it."""

    name = "a pool"

    def __init__(self, engines: list[Engine], servers: list[Server], loaded: tuple[int, ...]) -> None:
        self.engines = engines  # the primary first
        self.servers = servers
        self.ports = [servers[place].port for place in loaded]

    def processes(self) -> list[int]:
        return [pid for one in (*self.servers, *self.engines) for pid in one.processes()]

    def use(self) -> Use:
        """What the processors have done so far for each part of the pool."""
        leader, *followers = self.servers
        return Use(leader.cpu(), sum(server.cpu() for server in followers), self.engines[0].cpu())


@contextmanager
def pool(layout: Layout) -> Iterator[Pool]:
    """Fresh servers on a fresh engine for the time of a ``with`` block. Raises NotMeasured."""
    with ExitStack() as stack:
        engines = [stack.enter_context(Engine(stack.enter_context(folder_on_disk())))]
        for _ in range(layout.replicas):
            primary = ("--replicaof", f"{HOST} {engines[0].port}")
            engines.append(stack.enter_context(Engine(stack.enter_context(folder_on_disk()), *primary)))
        wait_until(partial(engines[0].has_replicas, layout.replicas), "the engine has its replicas")
        options = ("--store", f"valkey://{HOST}:{engines[0].port}", *layout.options)
        servers: list[Server] = []
        for _ in range(layout.servers):
            server = stack.enter_context(Server("geartrain", pool=options))
            servers.append(server)
            # The first one leads before there are others.
            wait_until(partial(reaches_leader, server), "a server of the pool reaches its leader")
        yield Pool(engines, servers, layout.loaded)


def reaches_leader(server: Server) -> bool:
    """Whether a server leads the pool's shard, or has a link to the one that does."""
    with Admin(f"{HOST}:{server.port}") as admin:
        return any(line["reached"] for line in admin.pool() if "shard" in line)


def wait_until(happened: Callable[[], bool], what: str) -> None:
    """Look again and again; the run ends if it did not happen in time."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {PATIENCE:g} seconds in vain until {what}")
        time.sleep(0.01)


def engine_version() -> str:
    """What the engine says of itself."""
    path = program(*PROGRAMS)
    if path is None:
        return "no engine for a pool"
    said = subprocess.check_output([path, "--version"], text=True)
    return " ".join(said.split()[:3])


def engine_program() -> str:
    """The path of the engine's program. Raises NotMeasured."""
    path = program(*PROGRAMS)
    if path is None:
        raise NotMeasured(f"it takes one of {' and '.join(PROGRAMS)}, neither is installed here")
    return path
