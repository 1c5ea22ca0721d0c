"""Handshake: what goes on between a new connection and a Peer that speaks TLS."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from geartrain.protocol.commands import ERROR
from geartrain.protocol.packet import response
from geartrain.server.listeners import Listener
from geartrain.server.log import NOTICE
from geartrain.server.peer import host_of
from geartrain.server.tls_peer import TlsPeer
from geartrain.tls import CLOSED_EARLY, TlsStream, reason_of

if TYPE_CHECKING:
    from geartrain.server.server import Server

PARTING: Final = 1.0  # seconds in which who is refused may read why
MOST: Final = 4096  # bytes to read at a time: certificates of clients are not larger, usually


class Handshake:
    """A connection that has to agree on TLS before the desk hears of it, in the time that the settings give.

    It has readers and writers of the loop, as it is not worth the server's own epoll: each step is short, and whoever
    takes none keeps nobody waiting.
    """

    def __init__(
        self, server: Server, endpoint: socket.socket, listener: Listener, context: ssl.SSLContext
    ) -> None:
        self.server = server
        self.endpoint = endpoint
        self.listener = listener
        self.stream = TlsStream(context, None)
        self.unsent = b""
        self.host = host_of(endpoint)
        patience = server.settings.tls_handshake
        self.deadline = server.loop.call_later(patience, self.fail, f"it took more than {patience:g} s")
        server.loop.add_reader(endpoint, self.go_on)

    def go_on(self) -> None:
        """Take what came."""
        chunk = b""
        try:
            chunk = self.endpoint.recv(MOST)
            if not chunk:
                return self.fail(CLOSED_EARLY)
            agreed = self.stream.shake_hands(chunk)
        except BlockingIOError:
            return None
        except OSError as error:
            self.say(self.stream.take() or plain_refusal(chunk))  # the other end should know why
            return self.part(reason_of(error))
        except Exception as error:  # whatever it is: the loop would call again and again
            self.server.accident("a handshake of TLS", error)
            return self.close()
        if not self.say(self.stream.take()):
            return self.fail("it does not read")
        if agreed:
            self.succeed()

    def say(self, answer: bytes) -> bool:
        """Send what TLS has to say, which a new connection takes at once: it is a few kilobytes."""
        with suppress(OSError):
            return not answer or self.endpoint.send(answer) == len(answer)
        return False

    def succeed(self) -> None:
        """The connection is a peer now, and perhaps has said something already."""
        self.end()
        self.server.welcome(TlsPeer(self.server, self.endpoint, self.listener, self.stream))

    def fail(self, reason: str) -> None:
        """There will be no peer."""
        self.tell(reason)
        self.close()

    def part(self, reason: str) -> None:
        """There will be no peer, but it may read why: to close with input unread would reset the connection."""
        self.tell(reason)
        self.deadline.cancel()
        self.deadline = self.server.loop.call_later(PARTING, self.close)
        with suppress(OSError):  # it is gone already
            self.endpoint.shutdown(socket.SHUT_WR)
        self.server.loop.add_reader(self.endpoint, self.hear_out)

    def hear_out(self) -> None:
        """What it says now counts for nothing."""
        with suppress(BlockingIOError):
            try:
                if self.endpoint.recv(MOST):
                    return
            except ConnectionError:
                pass
            self.close()

    def tell(self, reason: str) -> None:
        """Say in the log why it is no peer."""
        self.server.log.log(
            NOTICE, "TLS was not agreed on", extra={"host": self.host.decode(), "reason": reason}
        )

    def end(self) -> None:
        self.deadline.cancel()
        self.server.loop.remove_reader(self.endpoint)
        self.server.acceptor.handshakes.discard(self)

    def close(self) -> None:
        self.end()
        self.endpoint.close()


def plain_refusal(chunk: bytes) -> bytes:
    """The answer to who speaks Gearman here without TLS, to each packet or in text; nothing for anybody else."""
    if chunk.startswith(b"\0REQ"):
        return response(ERROR, b"TLS_REQUIRED", b"this port speaks TLS") * chunk.count(b"\0REQ")
    return b"ERR TLS_REQUIRED this+port+speaks+TLS\r\n" if chunk.endswith(b"\n") else b""
