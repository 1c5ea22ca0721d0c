"""Connections to a server in memory, for the blocking shell and for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from geartrain.errors import ConnectionLost
from geartrain.protocol.servers import Server
from geartrain.testing.server import MemoryServer


class MemoryLink:
    """What ``geartrain.sync.link.Link`` is to a real server.

    ``wait`` is called when there is nothing to receive: it brings news, or raises JobTimeout.
    """

    def __init__(
        self, server: Server, memory: MemoryServer, descriptor: int, wait: Callable[[float | None], None]
    ) -> None:
        self.server = server
        self.memory = memory
        self.descriptor = descriptor
        self.wait = wait
        self.unsent = ()  # the server takes everything at once
        self.arrived: list[bytes] = []  # nothing is on its way
        self.lost = False
        memory.connect(self)

    def news(self) -> None:
        """The server has written something: it is there to be received."""

    def cut(self) -> None:
        """The server is gone."""
        self.lost = True

    def send(self, packets: bytes) -> None:
        """Have the server take bytes; raises ConnectionLost."""
        self.must_be_there()
        self.memory.write(self, packets)

    def drain(self, deadline: float | None) -> None:
        """Nothing is ever left to be written."""

    def is_torn(self) -> bool:
        """Whether bytes may be lost: never, in memory."""
        return False

    def readable(self) -> bool:
        """Whether ``receive`` would not wait."""
        return self.lost or self.memory.unread(self)

    def receive(self, deadline: float | None) -> bytes:
        """The next bytes; raises ConnectionLost, and JobTimeout when none will come."""
        while not self.readable():
            self.wait(deadline)
        self.must_be_there()
        return self.memory.read(self)

    def must_be_there(self) -> None:
        if self.lost:
            name = self.server.name
            raise ConnectionLost(f"lost the connection to {name}: the server was stopped", server=name)

    def limit_silence(self, seconds: int) -> None:
        """A server in memory answers at once."""

    def fileno(self) -> int:
        """What the pool's ``poll`` takes."""
        return self.descriptor

    def hang_up(self) -> None:
        """Say and hear nothing more."""
        self.close()

    def close(self) -> None:
        """End the connection."""
        self.lost = True
        self.memory.disconnect(self)


class MemoryTransport(asyncio.Transport):
    """What asyncio's transport is to a real server.

    ``submitted`` is called in a turn of its own when the other end waits for a foreground job.
    """

    def __init__(
        self, memory: MemoryServer, protocol: asyncio.Protocol, submitted: Callable[[MemoryTransport], None]
    ) -> None:
        super().__init__()
        self.memory = memory
        self.protocol = protocol
        self.submitted = submitted
        self.loop = asyncio.get_running_loop()
        self.open = True
        memory.connect(self)
        protocol.connection_made(self)

    def news(self) -> None:
        """The server has written something: it comes in the loop's next turn."""
        self.loop.call_soon_threadsafe(self.deliver)

    def deliver(self) -> None:
        """Give the protocol what the server has written."""
        if self.open and self.memory.unread(self):
            self.protocol.data_received(self.memory.read(self))

    def expects_result(self) -> bool:
        """Whether the other end waits for a foreground job."""
        return self.open and self.memory.expects_result(self)

    def cut(self) -> None:
        """The server is gone."""
        self.end(None)

    def write(self, data: Any) -> None:
        """Have the server take bytes."""
        if not self.open:
            return
        self.memory.write(self, bytes(data))
        if self.expects_result():
            self.loop.call_soon(self.submitted, self)

    def close(self) -> None:
        """End the connection."""
        self.memory.disconnect(self)
        self.end(None)

    def abort(self) -> None:
        """End the connection at once."""
        self.close()

    def is_closing(self) -> bool:
        """Whether the connection has ended."""
        return not self.open

    def end(self, error: Exception | None) -> None:
        """Tell the protocol of the end, once."""
        if self.open:
            self.open = False
            self.loop.call_soon_threadsafe(self.protocol.connection_lost, error)
