"""Peer: one connection, bytes on the outside and a Session on the inside."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from geartrain.broker.session import Session
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import ERROR
from geartrain.protocol.packet import response
from geartrain.server.listeners import tune

if TYPE_CHECKING:
    from geartrain.server.server import Server


class Peer(asyncio.Protocol):
    """A peer that connected; ``Server`` hears of it once the connection stands."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        endpoint: socket.socket = transport.get_extra_info("socket")
        if self.server.is_full():
            self.server.log.warning("connection refused: the limit of max-connections is reached")
            self.transport.abort()
            return
        tune(endpoint, self.server.settings)
        self.transport.set_write_buffer_limits(high=self.server.high_water)
        self.connection = self.server.broker.connect(endpoint.fileno(), host_of(endpoint))
        self.session = Session(self.server.broker, self.connection, self.server.payload_limit)
        self.receive = self.session.receive
        self.server.peers[self.connection] = self

    def data_received(self, data: bytes) -> None:
        self.server.begin_turn()
        try:
            self.receive(data)
        except ProtocolError as error:
            self.end(error)

    def eof_received(self) -> None:
        """The peer says no more: it still hears the answers to what it said."""
        self.flush()

    def connection_lost(self, error: Exception | None) -> None:
        if self.server.peers.pop(self.connection, None) is not None:
            self.server.begin_turn()
            self.server.broker.disconnect(self.connection)

    def pause_writing(self) -> None:
        """The peer does not read: what more it asks for may wait."""
        self.reading = False
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.reading = True
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def flush(self) -> None:
        """Write what the connection has to say."""
        self.write(self.connection.take_outgoing())

    def write(self, packets: bytes) -> None:
        """The one write of a turn."""
        self.transport.write(packets)
        if not self.reading and self.transport.get_write_buffer_size() > self.server.settings.max_output:
            self.server.log.warning(
                "peer cut off: it reads too slowly host=%s waiting_bytes=%d",
                self.connection.host.decode(),
                self.transport.get_write_buffer_size(),
            )
            self.transport.abort()

    def end(self, error: ProtocolError) -> None:
        """Close the connection of a peer that does not speak Gearman."""
        self.server.log.info("peer ended: %s host=%s", error, self.connection.host.decode())
        if error.refusal:
            self.connection.send(response(ERROR, error.refusal.encode(), str(error).encode()))
        self.flush()
        self.transport.close()


def host_of(endpoint: socket.socket) -> bytes:
    """A peer's address as ``workers`` shows it."""
    if endpoint.family == socket.AF_UNIX:
        return b"unix"
    try:
        return str(endpoint.getpeername()[0]).encode()
    except OSError:  # gone already
        return b"-"
