"""Peer: one connection, bytes on the outside and a Session on the inside."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from geartrain.broker.session import Session
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import ERROR
from geartrain.protocol.packet import response
from geartrain.server.listeners import tune

if TYPE_CHECKING:
    from geartrain.server.server import Server

CHUNK: Final = 256 * 1024  # bytes to read at a time


class Peer(asyncio.Protocol):
    """A peer that connected; ``Server`` hears of it once the connection stands."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.reading = True
        self.silent = False  # the peer has said its last

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        endpoint: socket.socket = transport.get_extra_info("socket")
        self.endpoint = endpoint
        self.over_tcp = endpoint.family != socket.AF_UNIX
        tune(endpoint, self.server.settings)
        self.transport.set_write_buffer_limits(high=self.server.high_water)
        self.connection = self.server.broker.connect(endpoint.fileno(), host_of(endpoint))
        self.session = Session(self.server.broker, self.connection, self.server.payload_limit)
        self.receive: Callable[[bytes], None] = self.session.receive
        self.server.peers[self.connection] = self

    def data_received(self, data: bytes) -> None:
        if not self.server.in_turn:
            self.server.begin_turn()
        try:
            self.receive(data)
        except ProtocolError as error:
            self.end(error)
        if not self.connection.outgoing and self.over_tcp:
            self.acknowledge()

    def acknowledge(self) -> None:
        """Have TCP acknowledge at once what no answer of ours will acknowledge.

        A peer without TCP_NODELAY sends its next small packet only then, and TCP would let it wait for 40 ms: `gear`
        does 21 foreground jobs a second with a gearmand, and 2,000 with this.
        """
        self.endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def eof_received(self) -> bool:
        """The peer says no more: it still hears the answers to what it said."""
        self.silent = True
        self.leave()
        return True  # the turn writes the answers, and then closes

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.hear_out()
        del self.server.peers[self.connection]
        self.leave()

    def hear_out(self) -> None:
        """Take what the peer had sent before it went away without reading our answers.

        The loop gives a connection up when it cannot write, but "submit and close" is a way to use the server.
        """
        try:
            while chunk := os.read(self.connection.number, CHUNK):
                self.data_received(chunk)
        except OSError:  # that was all
            return

    def leave(self) -> None:
        """The broker forgets the peer; its connection ends when it was told everything."""
        self.receive = ignore
        self.server.begin_turn()
        if self.connection in self.server.broker.connections:
            self.server.broker.disconnect(self.connection)
            self.server.leaving.append(self)

    def pause_writing(self) -> None:
        """The peer does not read: what more it asks for may wait."""
        self.reading = False
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.reading = True
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def write(self, packets: bytes) -> None:
        """The one write of a turn."""
        self.transport.write(packets)
        if not self.reading:
            self.limit_waiting()

    def limit_waiting(self) -> None:
        """Cut a peer off that leaves too much unread."""
        if self.transport.get_write_buffer_size() > self.server.settings.max_output:
            waiting = self.transport.get_write_buffer_size()
            self.server.log.warning(
                "peer cut off, as it reads too slowly",
                extra={"host": self.connection.host.decode(), "waiting_bytes": waiting},
            )
            self.transport.abort()

    def end(self, error: ProtocolError) -> None:
        """Part with a peer that does not speak Gearman."""
        self.server.log.info(
            "peer ended", extra={"host": self.connection.host.decode(), "reason": str(error)}
        )
        if error.refusal:
            self.connection.send(response(ERROR, error.refusal.encode(), str(error).encode()))
        self.leave()


def ignore(data: bytes) -> None:
    """What a peer says after its end."""


def host_of(endpoint: socket.socket) -> bytes:
    """A peer's address as ``workers`` shows it."""
    if endpoint.family == socket.AF_UNIX:
        return b"unix"
    try:
        return str(endpoint.getpeername()[0]).encode()
    except OSError:  # gone already
        return b"-"
