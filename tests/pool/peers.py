"""Connections to the servers of a pool."""

from __future__ import annotations

from collections.abc import Callable

from geartrain.protocol.commands import (
    ECHO_REQ,
    ECHO_RES,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
)
from tests.server.links import Link
from tests.support.pools import Pool
from tests.support.processes import ServerProgram
from tests.wire import Packet


class Peers:
    """Whoever is connected to a pool: one after the other at the next of its servers, or where a test says."""

    def __init__(self, pool: Pool, connect: Callable[[ServerProgram], Link]) -> None:
        self.pool = pool
        self.connect = connect

    def leader(self) -> Link:
        """A new peer of the server that leads."""
        return self.connect(self.pool.leader())

    def followers(self) -> list[Link]:
        """A new peer of each server that does not lead."""
        return [self.connect(server) for server in self.pool.followers()]

    def everywhere(self) -> list[Link]:
        """A new peer of each server."""
        return [self.connect(server) for server in self.pool.servers]


def all_heard(link: Link) -> list[Packet]:
    """Everything that a peer hears before the answer to an ECHO_REQ."""
    link.says(ECHO_REQ, b"is that all?")
    heard = []
    while (packet := link.hears()) != (ECHO_RES, b"is that all?"):
        heard.append(packet)
    return heard


def gets(worker: Link) -> list[bytes]:
    """The next job of a worker, which sleeps until there is one: handle, function, unique, workload."""
    while True:
        command, *job = worker.asks(GRAB_JOB_UNIQ)
        if command == JOB_ASSIGN_UNIQ:
            return job
        assert command == NO_JOB, (command, job)
        worker.says(PRE_SLEEP)
        assert worker.hears() == (NOOP,)


def gets_nothing(worker: Link) -> bool:
    """Whether there is no job for a worker."""
    return worker.asks(GRAB_JOB_UNIQ) == (NO_JOB,)
