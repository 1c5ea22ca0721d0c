"""Finder: where the primary is now that has the keys of a shard."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from redis.exceptions import AuthenticationError, ResponseError

from geartrain.errors import EngineLost
from geartrain.pool.address import CLUSTER, SENTINEL, Address, Place, slot_of, tag_of
from geartrain.pool.node import Node, Reply, at


class Primary(NamedTuple):
    """A connection to a primary."""

    node: Node
    replicas: int  # that are connected to it
    run_id: bytes  # of its process


class Finder:
    """Finds the primary for a shard; None is for what belongs to the whole pool."""

    def __init__(self, address: Address, shard: int | None) -> None:
        self.address = address
        self.slot = slot_of("pool" if shard is None else tag_of(shard, address.shards))
        self.places = deque(address.places)  # whom to ask: the one that answered last is the first

    async def primary(self) -> Primary:
        """A connection to the primary as it is now; raises EngineLost."""
        failures = []
        for _ in range(len(self.places)):
            try:
                return await self.open(await self.place())
            except EngineLost as error:
                failures.append(str(error))
                self.places.rotate(-1)
        raise EngineLost("; ".join(dict.fromkeys(failures)))

    async def place(self) -> Place:
        """Where the primary is, as the first of our places says; raises EngineLost."""
        asked = self.places[0]
        if self.address.kind == SENTINEL:
            return await self.by_sentinel(asked)
        if self.address.kind == CLUSTER:
            return await self.by_cluster(asked)
        return asked

    async def by_sentinel(self, place: Place) -> Place:
        """Where a sentinel says that the primary is."""
        command = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.address.service)
        try:
            answer = await self.question(place, command, with_password=False)
        except EngineLost as error:  # many sentinels have no password, and refuse to hear one
            if not self.address.password or not isinstance(error.__cause__, AuthenticationError):
                raise
            answer = await self.question(place, command, with_password=True)
        if isinstance(answer, ResponseError):
            raise EngineLost(f"{at(place)}: {answer}")
        if not answer:
            raise EngineLost(f"{at(place)}: the sentinel knows no service {self.address.service!r}")
        return answer[0].decode(), int(answer[1])

    async def by_cluster(self, place: Place) -> Place:
        """Where a node of a Cluster says that our slot is."""
        answer = await self.question(place, ("CLUSTER", "SLOTS"), with_password=True)
        if isinstance(answer, ResponseError):
            raise EngineLost(f"{at(place)}: {answer}")
        self.learn(answer, place)
        for first, last, primary, *_ in answer:
            if first <= self.slot <= last:
                return place_in(primary, place)
        raise EngineLost(f"{at(place)}: no node has the slot {self.slot}")

    def learn(self, ranges: Sequence[Reply], place: Place) -> None:
        """Know all nodes of a Cluster: one of them will be there when others are not."""
        nodes = [place_in(node, place) for _, _, *nodes in ranges for node in nodes]
        self.places = deque(dict.fromkeys([place, *nodes, *self.address.places]))

    async def question(self, place: Place, command: Sequence[str], with_password: bool) -> Reply:
        """What one process answers to one command."""
        node = Node(self.address._replace(database=0), place, with_password)
        await node.open()
        try:
            return (await node.ask([command]))[0]
        finally:
            await node.close()

    async def open(self, place: Place) -> Primary:
        """A connection to a process that must be a primary; raises EngineLost."""
        node = Node(self.address, place)
        await node.open()
        role, server = await node.ask([("ROLE",), ("INFO", "server")])
        if isinstance(role, ResponseError) or isinstance(server, ResponseError) or role[0] != b"master":
            await node.close()
            what = role if isinstance(role, ResponseError) else f"it is no primary but a {role[0].decode()}"
            raise EngineLost(f"{at(place)}: {what}")
        return Primary(node, len(role[2]), run_id_in(server))


def place_in(node: Sequence[Reply], asked: Place) -> Place:
    """A node's place in CLUSTER SLOTS: without a host it is that of whom we asked."""
    host, port = node[0], node[1]
    return (host.decode() if host else asked[0]), int(port)


def run_id_in(info: bytes) -> bytes:
    """The run_id in the answer to INFO."""
    for line in info.split(b"\r\n"):
        if line.startswith(b"run_id:"):
            return line[7:]
    return b""
