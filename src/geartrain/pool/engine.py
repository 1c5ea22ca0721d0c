"""Engine: the primary that has the keys of a shard, wherever it is by now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from geartrain.errors import EngineLost, Fenced, StoreError
from geartrain.pool.address import Address
from geartrain.pool.node import PATIENCE, Argument, Command, Node, Reply
from geartrain.pool.primary import Finder
from geartrain.pool.script import Script

HOLD: Final = 5.0  # seconds
PAUSE: Final = 0.05  # seconds between two attempts
WAIT_SLICE: Final = 0.5  # seconds that one WAIT may take

PASSING: Final = (
    "READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "NOREPLICAS", "MISCONF", "BUSY",
)  # fmt: skip
"""Errors of an engine that changes or has a bad moment: another attempt may find it in order."""


class Ack(NamedTuple):
    """Who must have what was written, beside the primary's memory."""

    replicas: int
    disk: bool


MEMORY: Final = Ack(0, False)


class EngineFull(StoreError):
    """The engine has no memory left for more, though things can be removed."""


class Call(NamedTuple):
    """A script with its keys and arguments."""

    script: Script
    keys: Sequence[bytes]
    arguments: Sequence[Argument]

    def command(self) -> Command:
        return (b"EVALSHA", self.script.sha, len(self.keys), *self.keys, *self.arguments)


class Engine:
    """One connection to the primary of a shard at a time, found anew when it is lost.

    ``shard`` None is for what belongs to the whole pool. Calls are done one after the other. Where they cannot be done
    within ``hold`` seconds, they raise EngineLost; they may have been done all the same, so they must be such that
    doing them again changes nothing.
    """

    def __init__(self, address: Address, shard: int | None, hold: float = HOLD) -> None:
        self.address = address
        self.hold = hold
        self.finder = Finder(address, shard)
        self.node: Node | None = None  # None while there is no connection
        self.lock = asyncio.Lock()
        self.replicas = 0  # the most that the primary has had when we came
        self.changes = 0  # how often the primary was another process, or one that had been restarted
        self.run_id = b""  # of the primary's process, once it was found

    async def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Reply:
        """What a script answers; raises EngineLost, Fenced and other StoreErrors."""
        (reply,) = await self.run([Call(script, keys, arguments)])
        return reply

    async def ask(self, *command: Argument) -> Reply:
        """What a command answers; raises EngineLost and other StoreErrors."""
        (reply,) = await self.run([command])
        return reply

    async def run(self, calls: Sequence[Call | Command], kind: str = "memory") -> list[Reply]:
        """What calls answer, once those have it who must by ``kind``, as ``ack_of`` reads it; raises StoreErrors."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.hold
        async with self.lock:
            while True:
                try:
                    node = await self.connected()
                    replies = await self.attempt(node, calls)
                    await self.wait(node, self.ack_of(kind), deadline)
                    return replies
                except EngineLost as error:
                    await self.drop()
                    if loop.time() + PAUSE > deadline:
                        raise EngineLost(f"the engine {self.address.name} is lost: {error}") from error
                await asyncio.sleep(PAUSE)

    def ack_of(self, kind: str) -> Ack:
        """Who must have it: "memory", "replica", "disk", or "auto", a replica where there ever were any."""
        if kind == "auto":
            return Ack(min(self.replicas, 1), False)
        return Ack(int(kind == "replica" or (kind == "disk" and self.replicas > 0)), kind == "disk")

    async def connected(self) -> Node:
        """The connection to the primary; raises EngineLost where there is none."""
        if self.node is None or not self.node.is_open:
            primary = await self.finder.primary()
            self.node = primary.node
            self.replicas = max(self.replicas, primary.replicas)
            if primary.run_id != self.run_id:
                self.changes += self.run_id != b""
                self.run_id = primary.run_id
        return self.node

    async def attempt(self, node: Node, calls: Sequence[Call | Command]) -> list[Reply]:
        """What the calls answer; raises EngineLost where they should be tried again, and other StoreErrors."""
        commands = [call.command() if isinstance(call, Call) else call for call in calls]
        replies = await node.ask(commands)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            scripts = {call.script for call in calls if isinstance(call, Call)}
            await node.ask([(b"SCRIPT", b"LOAD", script.text) for script in scripts])
            replies = await node.ask(commands)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise failure_of(reply)
        return replies

    async def wait(self, node: Node, ack: Ack, deadline: float) -> None:
        """Wait until what this connection wrote is where it must be; raises EngineLost where it is not in time."""
        loop = asyncio.get_running_loop()
        while ack != MEMORY:
            left = min(deadline - loop.time(), WAIT_SLICE)
            if left <= 0:
                raise StoreError(f"the engine {self.address.name}: no replica has it within {self.hold:g} s")
            milliseconds = int(left * 1000) + 1
            if ack.disk:
                command: Command = (b"WAITAOF", 1, ack.replicas, milliseconds)
            else:
                command = (b"WAIT", ack.replicas, milliseconds)
            (reply,) = await node.ask([command], PATIENCE + left)
            if isinstance(reply, ResponseError):
                raise failure_of(reply)
            if (reply >= ack.replicas) if not ack.disk else (reply[0] >= 1 and reply[1] >= ack.replicas):
                return

    def local_host(self) -> str:
        """The address from which we reach the engine; empty while there is no connection."""
        return "" if self.node is None else self.node.local_host()

    async def drop(self) -> None:
        """Let go of the connection; the next call finds the primary anew."""
        node, self.node = self.node, None
        if node is not None:
            await node.close()

    async def close(self) -> None:
        """Let go of the engine."""
        await self.drop()


def failure_of(error: ResponseError) -> StoreError:
    """What an engine's error means for us."""
    text = str(error)
    code = (error.status_code or text).split(" ")[0]
    if code == "FENCED":
        return Fenced(text)
    if code in PASSING:
        return EngineLost(f"{code} {text}")
    if isinstance(error, OutOfMemoryError):
        return EngineFull("the engine has no memory left (maxmemory)")
    return StoreError(text)
