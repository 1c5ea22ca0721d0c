"""TlsPeer: a Peer whose socket carries records of TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from geartrain.server.listeners import Listener
from geartrain.server.peer import Peer
from geartrain.tls import TlsStream, reason_of

if TYPE_CHECKING:
    from geartrain.server.server import Server


class TlsPeer(Peer):
    """As any Peer to the server and to the desk. What is unsent is encrypted already."""

    def __init__(
        self, server: Server, endpoint: socket.socket, listener: Listener, stream: TlsStream
    ) -> None:
        super().__init__(server, endpoint, listener, stream.names())
        self.stream = stream
        self.recv = self.receive_decrypted
        self.mute = (
            False  # nothing more can be said: it has heard our farewell, or would miss something before
        )
        self.early = stream.receive(b"")  # what came with the end of the handshake
        if self.early or stream.is_over():
            server.read_later(self)

    def receive_decrypted(self, size: int) -> bytes:
        """As a socket's ``recv``, but that more may be left to read after less than ``size``; that is read later."""
        if self.early:
            early, self.early = self.early, b""
            return early
        while not self.stream.is_over():
            chunk = self.endpoint.recv(size)
            if not chunk:
                return chunk
            plain = self.decrypt(chunk)
            if plain:
                if len(plain) != size and (len(chunk) == size or self.stream.is_over()) and not self.at_end:
                    self.server.read_later(self)  # as ``read`` does itself after that size
                return plain
            if len(chunk) < size and not self.at_end and not self.stream.is_over():
                raise BlockingIOError
        if self.stream.error is not None:
            raise self.broken(self.stream.error)
        return b""

    def decrypt(self, chunk: bytes) -> bytes:
        """The plain bytes of a chunk; raises ssl.SSLError where it is none of the peer's."""
        try:
            plain = self.stream.receive(chunk)
        except ssl.SSLError as error:
            raise self.broken(error) from None
        self.say(self.stream.take())
        return plain

    def broken(self, error: ssl.SSLError) -> ssl.SSLError:
        """Tell the log, and the peer, that nothing it says can be understood any more."""
        reason = f"TLS: {reason_of(error)}"
        self.server.log.info("peer ended", extra={"host": self.connection.host.decode(), "reason": reason})
        self.say(self.stream.take())
        self.mute = True
        return error

    def write(self, packets: bytes) -> None:
        """The one write of a turn."""
        if not self.mute:
            for sealed in self.stream.seal(packets):
                self.say(sealed)

    def say(self, sealed: bytes) -> None:
        """Send what is encrypted."""
        if sealed and not self.mute:
            super().write(sealed)

    def drop_unsent(self) -> None:
        self.mute = True
        super().drop_unsent()

    def untie(self) -> None:
        """As any Peer; nothing is decrypted any more."""
        super().untie()
        self.recv = self.endpoint.recv

    def part(self) -> None:
        """As any Peer, and with TLS's own farewell; one that is refused is heard out before."""
        if not self.refused:
            self.bid_farewell()
        super().part()

    def close_in_time(self) -> None:
        self.bid_farewell()
        super().close_in_time()

    def bid_farewell(self) -> None:
        """Say by TLS that nothing more will come."""
        self.say(self.stream.farewell())
        self.mute = True
