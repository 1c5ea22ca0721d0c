"""Links: connections between the servers of a pool, each made by a front to a leader's Gearman port."""

from __future__ import annotations

import asyncio
import hmac
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from geartrain.errors import StoreError
from geartrain.pool.card import Card
from geartrain.pool.tunnel import Tunnel
from geartrain.relay.exchange import Outbox
from geartrain.relay.frames import Frame, FrameStream
from geartrain.relay.link_words import GREETING, LINK_VERSION
from geartrain.tls import TlsStream

PATIENCE: Final = 1.0  # seconds in which a server must take a link
HIGH_WATER: Final = (
    4 * 1024 * 1024
)  # bytes that may wait for another server before we read no more from peers
LONGEST_GREETING: Final = 1024  # bytes
LONGEST_NAME: Final = 200  # bytes that are quoted


class Link(asyncio.Protocol):
    """A connection to another server. Frames go into the outbox: ``flush`` writes them."""

    def __init__(
        self,
        hear: Callable[[Link, list[Frame]], None],
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
        self.greeting = b""  # of the other end, while it is not whole
        self.greeted: asyncio.Future[bytes] | None = None  # None once it is, and where none is expected

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
        if self.greeted is not None:
            self.greeting += chunk
            line, newline, chunk = self.greeting.partition(b"\n")
            if not newline and len(line) < LONGEST_GREETING:
                return
            if not self.greeted.done():
                self.greeted.set_result(line.rstrip(b"\r"))
            self.greeted = None
        if chunk:
            self.heard = True
            self.hear(self, self.stream.receive(chunk))

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.full = False
        if self.greeted is not None and not self.greeted.done():
            self.greeted.set_result(b"")
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
        return self.greeted is not None

    def is_open(self) -> bool:
        """Whether frames can be sent."""
        return self.greeted is None and self.transport is not None and not self.transport.is_closing()

    def close(self) -> None:
        """Write what is left and end the connection."""
        self.flush()
        if self.transport is not None:
            self.transport.close()


def greeting(me: str, secret: str) -> bytes:
    """What a front says first on a link."""
    return b"%b %d %b %b\n" % (GREETING, LINK_VERSION, me.encode(), secret.encode())


def welcome(me: str) -> bytes:
    """What a leader answers."""
    return b"OK %d %b\n" % (LINK_VERSION, me.encode())


def guest_of(line: bytes, secret: str) -> str:
    """The id of the server that a greeting is from; raises StoreError where it may not be let in."""
    words = line.split(b" ")
    if len(words) != 4 or words[1] != b"%d" % LINK_VERSION:
        raise StoreError(f"a link of version {words[1:2]}, {LINK_VERSION} is expected")
    if not hmac.compare_digest(words[3], secret.encode()):
        raise StoreError("a link with a wrong secret: its server is on another store")
    return words[2].decode("ascii", "backslashreplace")


async def dial(
    link: Link, leader: Card, me: str, secret: str, silence: float, context: ssl.SSLContext | None
) -> None:
    """Have a link to a server; raises OSError where it cannot be reached, StoreError where it does not let us in."""
    loop = asyncio.get_running_loop()
    secured: dict[str, Any] = {"ssl": context, "server_hostname": leader.host} if context else {}
    answer = link.greeted = loop.create_future()
    async with asyncio.timeout(PATIENCE):
        transport, _ = await loop.create_connection(lambda: link, leader.host, leader.port, **secured)
        tune(transport.get_extra_info("socket"), silence)
        transport.write(greeting(me, secret))
        line: bytes = await answer
    if not line.startswith(b"OK "):
        transport.close()
        raise StoreError(
            f"{leader.address} does not take a link: {line.decode('utf-8', 'backslashreplace')!r}"
        )
    if line != welcome(leader.server).rstrip():
        transport.close()
        raise ConnectionRefusedError(f"another server is at {leader.address}: {line[:LONGEST_NAME]!r}")


async def adopt(
    link: Link, accepted: socket.socket, stream: TlsStream | None, me: str, silence: float
) -> None:
    """Make a link of a connection that greeted as one."""
    loop = asyncio.get_running_loop()
    protocol = link if stream is None else Tunnel(link, stream)
    await loop.connect_accepted_socket(lambda: protocol, accepted)
    tune(accepted, silence)
    if link.transport is not None:
        link.transport.write(welcome(me))


def tune(endpoint: socket.socket, silence: float) -> None:
    """Have small frames sent at once, and the link lost when what was sent is not acknowledged for so many seconds."""
    with suppress(OSError):
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence * 1000))
