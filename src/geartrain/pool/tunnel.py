"""Tunnel: a link whose socket carries records of TLS, agreed on before it was one."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, cast

from geartrain.tls import TlsStream

if TYPE_CHECKING:
    from geartrain.pool.links import Link


class Tunnel(asyncio.Protocol):
    """Between the socket's transport, to which it is the protocol, and the link, to which it is the transport.

    asyncio speaks TLS itself where it began to; a peer that turns out to be another server's link has begun already.
    """

    def __init__(self, link: Link, stream: TlsStream) -> None:
        self.link = link
        self.stream = stream

    # Towards the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.link.connection_made(cast(asyncio.Transport, self))

    def data_received(self, chunk: bytes) -> None:
        try:
            plain = self.stream.receive(chunk)
        except ssl.SSLError:
            return self.transport.abort()
        self.transport.write(self.stream.take())
        if plain:
            self.link.data_received(plain)
        if self.stream.is_over():
            self.close()

    def pause_writing(self) -> None:
        self.link.pause_writing()

    def resume_writing(self) -> None:
        self.link.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self.link.connection_lost(error)

    # Towards the link

    def set_write_buffer_limits(self, high: int) -> None:
        self.transport.set_write_buffer_limits(high)

    def write(self, frames: bytes) -> None:
        if self.transport.is_closing():
            return
        for sealed in self.stream.seal(frames):
            self.transport.write(sealed)

    def abort(self) -> None:
        self.transport.abort()

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def close(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(self.stream.farewell())
            self.transport.close()
