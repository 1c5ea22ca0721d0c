"""Links: connections between the servers of a pool, each made by a front to a leader's Gearman port."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from geartrain.errors import StoreError
from geartrain.pool.card import Card
from geartrain.pool.proofs import FrontsProof
from geartrain.pool.tunnel import Tunnel
from geartrain.relay.exchange import Outbox
from geartrain.relay.frames import FrameStream
from geartrain.tls import TlsStream

PATIENCE: Final = 1.0  # seconds in which a server must take a link
HIGH_WATER: Final = (
    4 * 1024 * 1024
)  # bytes that may wait for another server before we read no more from peers
LONGEST_GREETING: Final = 1024  # bytes


def nothing(line: bytes) -> None:
    """Nobody expects a line."""


class Link(asyncio.Protocol):
    """A connection to another server. Frames go into the outbox: ``flush`` writes them."""

    def __init__(
        self,
        hear: Callable[[Link, bytes], None],
        lost: Callable[[Link], None],
        filled: Callable[[], None],
    ) -> None:
        self.server = ""  # the id of the server at the other end
        self.led: set[int] = set()  # shards whose leader is there, as far as we know
        self.hear = hear
        self.lost = lost
        self.filled = filled  # called when the link is full, and when it is no more
        self.stream = FrameStream()
        self.outbox = Outbox()
        self.transport: asyncio.Transport | None = None
        self.full = False  # the other end does not take what is written
        self.heard = False  # whether the other end has said a frame
        self.heard_at = 0.0  # when it has said something last, by the loop's clock
        self.greeting = b""  # of the other end, while it is not whole
        self.take: Callable[[bytes], None] = (
            nothing  # takes it; raises StoreError or OSError where it is wrong
        )
        self.opened: asyncio.Future[None] | None = None  # None once it was right, and where none is expected

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(HIGH_WATER)

    def pause_writing(self) -> None:
        self.full = True
        self.filled()

    def resume_writing(self) -> None:
        self.full = False
        self.filled()

    def data_received(self, chunk: bytes) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        if self.opened is not None:
            if self.opened.done():
                return  # what comes after a wrong greeting
            self.greeting += chunk
            line, newline, chunk = self.greeting.partition(b"\n")
            if not newline and len(line) < LONGEST_GREETING:
                return
            if not self.is_right(line[:LONGEST_GREETING].rstrip(b"\r")):
                return
        if chunk:
            self.heard = True
            self.hear(self, chunk)

    def open_with(self, take: Callable[[bytes], None]) -> asyncio.Future[None]:
        """Expect a line of the other end before any frame; done when ``take`` has found it right."""
        self.take = take
        self.opened = asyncio.get_running_loop().create_future()
        return self.opened

    def is_right(self, line: bytes) -> bool:
        """Take the other end's greeting; whether the link is open now. It is closed where it is not."""
        opened = self.opened
        try:
            self.take(line)
        except (StoreError, OSError) as error:
            if opened is not None:
                opened.set_exception(error)
            self.close()
            return False
        self.opened = None
        if opened is not None:
            opened.set_result(None)
        return True

    def write(self, line: bytes) -> None:
        """Write what is no frame."""
        if self.transport is not None:
            self.transport.write(line)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.full = False
        if self.opened is not None and not self.opened.done():
            self.opened.set_exception(StoreError("it ended the connection"))
        self.lost(self)
        self.filled()

    def flush(self) -> None:
        """Write what is in the outbox."""
        if self.outbox.frames:
            frames = self.outbox.take_all()
            if self.transport is not None:
                self.transport.write(frames)

    def greeting_is_due(self) -> bool:
        """Whether the other end has not let us in yet."""
        return self.opened is not None

    def is_open(self) -> bool:
        """Whether frames can be sent."""
        return self.opened is None and self.transport is not None and not self.transport.is_closing()

    def abort(self) -> None:
        """End the connection at once: the other end does not take what is left."""
        if self.transport is not None:
            self.transport.abort()

    def close(self) -> None:
        """Write what is left and end the connection."""
        self.flush()
        if self.transport is not None:
            self.transport.close()


async def dial(
    link: Link, leader: Card, proof: FrontsProof, silence: float, context: ssl.SSLContext | None
) -> None:
    """Have a link to a server.

    Raises OSError where it cannot be reached or another server of the pool is there, and StoreError where the other end
    does not let us in or does not prove to be of the pool.
    """
    loop = asyncio.get_running_loop()
    secured: dict[str, Any] = {"ssl": context, "server_hostname": leader.host} if context else {}
    opened = link.open_with(lambda line: link.write(proof.answer(line)))
    try:
        async with asyncio.timeout(PATIENCE):
            transport, _ = await loop.create_connection(lambda: link, leader.host, leader.port, **secured)
            tune(transport.get_extra_info("socket"), silence)
            link.write(proof.greeting())
            await opened
    except BaseException:
        link.close()
        raise


async def adopt(
    link: Link, accepted: socket.socket, stream: TlsStream | None, answer: bytes, silence: float
) -> None:
    """Make a link of a connection that greeted as one, and wait until it is open; raises as ``dial`` does."""
    loop = asyncio.get_running_loop()
    protocol = link if stream is None else Tunnel(link, stream)
    try:
        async with asyncio.timeout(PATIENCE):
            await loop.connect_accepted_socket(lambda: protocol, accepted)
            tune(accepted, silence)
            link.write(answer)
            if link.opened is not None:
                await link.opened
    except BaseException:
        link.close()
        raise


def tune(endpoint: socket.socket, silence: float) -> None:
    """Have small frames sent at once, and the link lost when what was sent is not acknowledged for so many seconds."""
    with suppress(OSError):
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence * 1000))
