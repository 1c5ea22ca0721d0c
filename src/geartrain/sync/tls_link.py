"""One blocking connection to a server that speaks TLS."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time

from geartrain.errors import ConnectError, ConnectionLost, SettingsError
from geartrain.protocol.servers import Server
from geartrain.sockets import DONT_WAIT
from geartrain.sync.link import RECEIVE_SIZE, Link
from geartrain.tls import CLOSED_EARLY, Speech, TlsStream, context_of, name_of, reason_of


class TlsLink(Link):
    """A ``Link`` whose socket carries records of TLS: what is unsent is encrypted already."""

    def __init__(self, server: Server, timeout: float, tls: Speech) -> None:
        deadline = time.monotonic() + timeout
        self.sealing = threading.Lock()  # records leave in the order in which they are made
        try:
            self.stream = TlsStream(context_of(tls), name_of(tls, server.host))
        except SettingsError as error:  # a file that was good at first
            raise ConnectError(f"cannot connect to {server.name}: {error}", server=server.name) from error
        super().__init__(server, timeout)
        try:
            self.shake_hands(deadline)
        except OSError as error:
            with contextlib.suppress(OSError):  # the other end should know why
                self.socket.send(self.stream.take(), DONT_WAIT)
            self.close()
            why = f"no TLS in {timeout:g} s" if isinstance(error, TimeoutError) else reason_of(error)
            raise ConnectError(f"cannot connect to {server.name}: {why}", server=server.name) from error

    def shake_hands(self, deadline: float) -> None:
        """Agree with the server; raises OSError."""
        chunk = b""
        while not self.stream.shake_hands(chunk):
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            self.socket.sendall(self.stream.take())
            chunk = self.socket.recv(RECEIVE_SIZE)
            if not chunk:
                raise ConnectionResetError(CLOSED_EARLY)
        self.socket.sendall(self.stream.take())
        self.socket.settimeout(None)

    def send(self, packets: bytes) -> None:
        """As ``Link.send``."""
        with self.sealing:
            try:
                for sealed in self.stream.seal(packets):
                    super().send(sealed)
            except ssl.SSLError as error:
                raise self.lost(error) from error

    def receive(self, deadline: float | None) -> bytes:
        """As ``Link.receive``; empty as well when what came is not whole."""
        if self.stream.is_over():
            raise self.lost(self.stream.error)
        chunk = super().receive(deadline)
        with self.sealing:
            try:
                plain = self.stream.receive(chunk)
            except ssl.SSLError as error:
                raise self.lost(error) from error
            said = self.stream.take()
            if said:
                super().send(said)
        if self.stream.ended and not plain:
            raise self.lost(None)
        return plain

    def readable(self) -> bool:
        """Whether ``receive`` would not wait."""
        return self.stream.is_over() or super().readable()

    def lost(self, error: OSError | None) -> ConnectionLost:
        """The exception for the end of this connection."""
        if error is None:
            return super().lost(None)
        why = f"lost the connection to {self.server.name}: {reason_of(error)}"
        return ConnectionLost(why, server=self.server.name)

    def close(self) -> None:
        """As ``Link.close``; the server hears that it was meant, if it takes that now."""
        with self.sealing, contextlib.suppress(OSError):
            if not self.unsent:
                self.socket.send(self.stream.farewell(), DONT_WAIT)
        super().close()
