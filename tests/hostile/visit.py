"""One hostile peer's visit to a server: the connections that it has, and what it makes up."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from contextlib import suppress
from typing import Final, NamedTuple

from tests.fuzz.extremes import Extremes

HOST: Final = "127.0.0.1"
STRANGER: Final = "127.0.0.9"  # an address without any right
PATIENCE: Final = 20.0  # seconds that a server may take for whatever is due at once
RECEIVED: Final = 64 * 1024  # bytes that are read at a time
UNREAD: Final = 4 * 1024  # bytes that our end takes before it is asked for them
RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: a close that resets


class Ports(NamedTuple):
    """Where a server listens."""

    gearman: int
    http: int
    gear_http: int
    tls: int


class Wire:
    """A connection of a hostile peer. Nothing of it fails where the server has hung up."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tally: Counter[str]
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.tally = tally

    async def says(self, *said: bytes) -> None:
        """Send, as far as the server takes it in time."""
        for part in said:
            self.writer.write(part)
            self.tally["sent"] += len(part)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self.writer.drain()

    async def hears(self, seconds: float = PATIENCE) -> bytes:
        """What comes next; nothing where the server hangs up, or says nothing in time."""
        chunk = b""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                chunk = await self.reader.read(RECEIVED)
        self.tally["heard"] += len(chunk)
        return chunk

    async def hears_out(self, seconds: float = PATIENCE, end: bytes = b"") -> None:
        """Read until the server hangs up, until ``end`` came, or so long."""
        last = b""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(seconds):
                while chunk := await self.reader.read(RECEIVED):
                    self.tally["heard"] += len(chunk)
                    last = (last + chunk)[-len(end) :] if end else b""
                    if end and last == end:
                        return
        self.tally["ended"] += self.reader.at_eof()

    async def reads_nothing(self, seconds: float) -> None:
        """Leave everything unread for a time."""
        await asyncio.sleep(seconds)

    def reset(self) -> None:
        """Go without a word."""
        endpoint = self.writer.get_extra_info("socket")
        if endpoint is not None:  # None where the server has hung up during a handshake
            with suppress(OSError):
                endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()


class Visit:
    """What one peer of a kind does, made up from its seed."""

    def __init__(self, seed: str, ports: Ports, tally: Counter[str]) -> None:
        self.extremes = Extremes(seed)
        self.random = self.extremes.random
        self.ports = ports
        self.tally = tally
        self.wires: list[Wire] = []

    async def connects(
        self, port: int, stranger: bool = False, context: ssl.SSLContext | None = None
    ) -> Wire:
        """A connection, which ends with the visit; raises OSError and TimeoutError where the server has none."""
        async with asyncio.timeout(PATIENCE):
            source = (STRANGER if stranger else HOST, 0)
            reader, writer = await asyncio.open_connection(
                HOST, port, limit=UNREAD, local_addr=source, ssl=context
            )
        wire = Wire(reader, writer, self.tally)
        self.wires.append(wire)
        self.tally["connections"] += 1
        return wire

    def is_so(self, chance: float) -> bool:
        return self.random.random() < chance

    def leaves(self) -> None:
        """End all connections, some by a reset."""
        for wire in self.wires:
            if self.is_so(0.5):
                wire.reset()
            else:
                wire.writer.close()
        self.wires.clear()
