"""Engine: the primary that has the keys of a shard, wherever it is by now."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Final, NamedTuple

from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)

from geartrain.errors import EngineLost, Fenced, StoreError
from geartrain.pool.address import Address
from geartrain.pool.node import PATIENCE, Argument, Command, Node, Reply, at
from geartrain.pool.primary import Finder
from geartrain.pool.script import Script
from geartrain.store.durations import Durations

HOLD: Final = 5.0  # seconds
PAUSE: Final = 0.05  # seconds between two attempts
WAIT_SLICE: Final = 0.5  # seconds that one WAIT may take
LOOK_AGAIN: Final = 1.0  # seconds after which a primary without replicas may have some
NEVER: Final = float("inf")

PASSING: Final = (
    AskError,
    ClusterDownError,
    ReadOnlyError,
    TryAgainError,
)  # with those that are special ones of them
PASSING_CODES: Final = ("NOREPLICAS", "MISCONF", "BUSY", "LEADERLESS")
"""Errors of an engine that changes or has a bad moment: another attempt may find it in order."""


class Ack(NamedTuple):
    """Who must have what was written, beside the primary's memory."""

    replicas: int
    disk: bool

    def command(self, seconds: float) -> Command:
        """The command that waits for them."""
        milliseconds = int(seconds * 1000) + 1
        if self.disk:
            return (b"WAITAOF", 1, self.replicas, milliseconds)
        return (b"WAIT", self.replicas, milliseconds)

    def is_met(self, reply: Reply) -> bool:
        """Whether they have it, by the answer to the command."""
        if self.disk:
            local, replicas = reply
            return bool(local >= 1 and replicas >= self.replicas)
        return bool(reply >= self.replicas)


NOBODY: Final = Ack(0, False)


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
    within ``hold`` seconds, they raise EngineLost, and while the engine stays lost others do so soon. They may have
    been done all the same, so they must be such that doing them again changes nothing.
    """

    def __init__(self, address: Address, shard: int | None, hold: float = HOLD) -> None:
        self.hold = hold
        self.finder = Finder(address, shard)
        self.node: Node | None = None  # None while there is no connection
        self.lock = asyncio.Lock()
        self.run_id = b""  # of the primary's process; empty before it was found
        self.replicas = 0  # the most that this process has had when we looked
        self.look_at = 0.0  # when to look again whether it has any, by the loop's clock
        self.lost_at = NEVER  # since when nothing succeeds
        self.round_trips = Durations()  # of calls that wait for nobody else

    async def call(self, script: Script, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Reply:
        """What a script answers; raises EngineLost, Fenced and other StoreErrors."""
        (reply,) = await self.run([Call(script, keys, arguments)])
        return reply

    async def ask(self, *command: Argument) -> Reply:
        """What a command answers; raises EngineLost and other StoreErrors."""
        (reply,) = await self.run([command])
        return reply

    async def run(self, calls: Sequence[Call | Command], ack: str = "memory") -> list[Reply]:
        """What calls answer, once those have what they wrote who must have it; raises StoreErrors.

        ``ack`` is "memory", "replica", "disk", or "auto": a replica if this primary has ever had one.
        """
        async with self.lock:
            while True:
                try:
                    replies = await self.attempt(await self.connected(), calls, ack)
                except EngineLost as error:
                    self.round_trips.failures += 1
                    await self.drop()
                    await self.pause(error)
                else:
                    self.lost_at = NEVER
                    return replies

    async def pause(self, error: EngineLost) -> None:
        """Wait before another attempt; raises the error where there is none any more."""
        now = asyncio.get_running_loop().time()
        self.lost_at = min(self.lost_at, now)
        if now + PAUSE > self.lost_at + self.hold:
            raise error
        await asyncio.sleep(PAUSE)

    async def connected(self) -> Node:
        """The connection to the primary; raises EngineLost where there is none."""
        if self.node is None or not self.node.is_open:
            primary = await self.finder.primary()
            self.node = primary.node
            if primary.run_id != self.run_id:
                self.replicas = 0
            self.run_id = primary.run_id
            self.see(primary.replicas)
        return self.node

    def see(self, replicas: int) -> None:
        """The primary has that many replicas now."""
        self.replicas = max(self.replicas, replicas)
        self.look_at = asyncio.get_running_loop().time() + LOOK_AGAIN

    def ack_of(self, kind: str) -> Ack:
        """Who must have it."""
        some = min(self.replicas, 1)
        return {
            "memory": NOBODY,
            "replica": Ack(1, False),
            "disk": Ack(some, True),
            "auto": Ack(some, False),
        }[kind]

    async def attempt(self, node: Node, calls: Sequence[Call | Command], kind: str) -> list[Reply]:
        """What the calls answer; raises EngineLost where they should be tried again, and other StoreErrors."""
        commands = [call.command() if isinstance(call, Call) else call for call in calls]
        if kind == "auto" and not self.replicas and asyncio.get_running_loop().time() >= self.look_at:
            (role,) = await node.ask([(b"ROLE",)])
            self.see(0 if isinstance(role, ResponseError) else len(role[2]))
        ack = self.ack_of(kind)
        waits = [ack.command(WAIT_SLICE)] if ack != NOBODY else []
        asked_at = monotonic()
        replies = await node.ask([*commands, *waits], PATIENCE + WAIT_SLICE)
        if not waits:
            self.round_trips.add(monotonic() - asked_at)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            scripts = {call.script for call in calls if isinstance(call, Call)}
            await node.ask([(b"SCRIPT", b"LOAD", script.text) for script in scripts])
            replies = await node.ask([*commands, *waits], PATIENCE + WAIT_SLICE)
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise failure_of(reply)
        if waits:
            await self.wait(node, ack, replies.pop())
        return replies

    async def wait(self, node: Node, ack: Ack, reply: Reply) -> None:
        """Wait until what this connection wrote is where it must be; raises StoreError where it is not in time."""
        loop = asyncio.get_running_loop()
        while not ack.is_met(reply):
            self.lost_at = min(self.lost_at, loop.time() - WAIT_SLICE)
            if loop.time() >= self.lost_at + self.hold:
                raise StoreError(f"no replica of {at(node.place)} has it within {self.hold:g} s")
            (reply,) = await node.ask([ack.command(WAIT_SLICE)], PATIENCE + WAIT_SLICE)
            if isinstance(reply, ResponseError):
                raise failure_of(reply)

    def local_host(self) -> str:
        """The address from which we reach the engine; empty while there is no connection."""
        return "" if self.node is None else self.node.local_host()

    @property
    def place(self) -> str:
        """Where the primary is; empty while there is no connection."""
        return "" if self.node is None else at(self.node.place)

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
    if text.startswith("FENCED"):
        return Fenced(text.removeprefix("FENCED "))
    if isinstance(error, PASSING) or text.startswith(PASSING_CODES):
        return EngineLost(f"the engine cannot serve now: {text}")
    if isinstance(error, OutOfMemoryError):
        return EngineFull("the engine has no memory left: its maxmemory is reached")
    return StoreError(f"the engine refused: {text}")
