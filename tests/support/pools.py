"""Pools: several of our servers on one engine."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from tests.support.machine import wait_until
from tests.support.processes import GeartrainProgram, ServerProgram


class Pool:
    """Servers of one pool, by the order of their start."""

    def __init__(self, url: str, *options: str) -> None:
        self.url = url
        self.options = options
        self.servers: list[ServerProgram] = []
        self.stack = ExitStack()

    def add(self, *options: str, port: int | None = None) -> ServerProgram:
        """One more server."""
        server = GeartrainProgram("--store", self.url, *self.options, *options, port=port)
        self.servers.append(self.stack.enter_context(server))
        return server

    def add_all(self, servers: int) -> None:
        """So many more servers, started at the same time."""
        with ThreadPoolExecutor(servers) as threads:
            for starting in [threads.submit(self.add) for _ in range(servers)]:
                starting.result()

    def again(self, ended: ServerProgram) -> ServerProgram:
        """A new server at the port of one that has ended, instead of it."""
        server = self.add(port=ended.port)
        self.servers.remove(ended)
        return server

    def addresses(self) -> list[str]:
        return [server.address for server in self.servers]

    def wait_until_led(self) -> None:
        """Wait until every server says that every shard has a leader."""
        for server in self.servers:
            if server.running():
                wait_until(partial(knows_leaders, server), f"{server.address} knows who leads")

    def leader(self, shard: int = 0) -> ServerProgram:
        """The server that leads a shard."""
        self.wait_until_led()
        for server in self.servers:
            if server.running() and any(
                "shard" in line and line["shard"] == shard and line["here"] for line in about(server)
            ):
                return server
        raise AssertionError(f"no server leads shard {shard}")

    def followers(self, shard: int = 0) -> list[ServerProgram]:
        """The servers that do not lead a shard."""
        leader = self.leader(shard)
        return [server for server in self.servers if server is not leader and server.running()]


def about(server: ServerProgram) -> list[dict[str, Any]]:
    """What a server says of its pool."""
    return [json.loads(line) for line in server.ask("pool").splitlines() if line != "."]


def fenced(server: ServerProgram) -> int:
    """How many late results a server has refused."""
    (here,) = (row for row in about(server) if "id" in row and row["here"])
    return int(here["fenced"])


def knows_leaders(server: ServerProgram) -> bool:
    """Whether the server reaches the leader of every shard."""
    shards = [line for line in about(server) if "shard" in line]
    return bool(shards) and all(line["reached"] for line in shards)


@contextmanager
def pool(url: str, servers: int = 3, *options: str) -> Iterator[Pool]:
    """A pool of so many servers; they are ended with the block, those that were stopped by a signal too."""
    members = Pool(url, *options)
    with members.stack:
        try:
            members.add_all(servers)
            members.wait_until_led()
            yield members
        finally:
            for server in members.servers:
                if server.running():
                    server.process.send_signal(signal.SIGCONT)
