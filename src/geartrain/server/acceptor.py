"""Acceptor: it lets peers in, as many as there may be."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from geartrain.server.handshake import Handshake
from geartrain.server.listeners import Listener, tune, tune_early
from geartrain.server.peer import Peer

if TYPE_CHECKING:
    from geartrain.server.server import Server

AT_ONCE: Final = 64  # connections that a listener accepts in one turn
PAUSE: Final = 0.5  # seconds until a listener tries again, when the system has no descriptor to give


class Acceptor:
    """Accepts on the server's listening sockets.

    It does so itself, since neither loop does it well without descriptors: asyncio fills the log for every connection
    that waits, uvloop closes them without a word.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.listeners: set[Listener] = set()
        self.handshakes: set[Handshake] = set()  # connections that are no peers yet
        self.turned_away = 0  # connections since there was room for one

    def open(self, listeners: Iterable[Listener]) -> None:
        """Accept connections on bound, non-blocking sockets."""
        for listener in listeners:
            tune(listener, self.server.settings)
            self.listeners.add(listener)
            self.watch(listener)

    def close(self) -> None:
        """Accept no more connections."""
        for listener in self.listeners:
            self.server.loop.remove_reader(listener)
            listener.close()
        self.listeners.clear()
        for handshake in list(self.handshakes):
            handshake.close()

    def watch(self, listener: Listener) -> None:
        """Hear of new connections, if the listener is still open."""
        if listener in self.listeners:
            self.server.loop.add_reader(listener, self.accept, listener)

    def accept(self, listener: Listener) -> None:
        """Let in who waits; what the system refuses for now waits on."""
        try:
            for _ in range(AT_ONCE):
                self.let_in(listener.accept()[0], listener)
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:
            self.server.log.warning(
                "cannot accept connections for now", extra={"error": error.strerror, "seconds": PAUSE}
            )
            self.server.loop.remove_reader(listener)
            self.server.loop.call_later(PAUSE, self.watch, listener)

    def let_in(self, accepted: socket.socket, listener: Listener) -> None:
        """Admit a connection; an exception is its end, and others wait in the same queue."""
        try:
            self.admit(accepted, listener)
        except Exception as error:  # whatever it is
            self.server.accident("a new connection", error)
            accepted.close()

    def admit(self, accepted: socket.socket, listener: Listener) -> None:
        """Give the connection a Peer, for TLS after its handshake, or close it when there are enough."""
        if not self.server.has_room():
            return self.turn_away(accepted)
        self.turned_away = 0
        accepted.setblocking(False)
        tune_early(accepted, self.server.settings)
        certificates = self.server.certificates
        if listener.tls and certificates is not None:
            self.handshakes.add(Handshake(self.server, accepted, listener, certificates.context))
        else:
            self.server.welcome(Peer(self.server, accepted, listener))

    def turn_away(self, accepted: socket.socket) -> None:
        """Close a connection; say so for the first in a row, as there may be thousands."""
        accepted.close()
        self.turned_away += 1
        if self.turned_away == 1:
            self.server.log.warning(
                "connections are turned away", extra={"max_connections": self.server.settings.max_connections}
            )
