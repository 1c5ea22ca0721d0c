"""Peer: one connection, a socket on the outside and a desk's receiver on the inside."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from geartrain.errors import ProtocolError
from geartrain.protocol.commands import ERROR
from geartrain.protocol.packet import response
from geartrain.server.listeners import Listener
from geartrain.server.visitors import Visitor

if TYPE_CHECKING:
    from geartrain.server.server import Server

CHUNK: Final = 32 * 1024  # bytes to read at a time; memory of 64 KiB is far dearer to get and to give back
HIGH_WATER: Final = 4 * 1024 * 1024  # bytes a peer may leave unread before we stop reading from it
PENALTY: Final = 1.0  # seconds that a wrong token costs
FAULT: Final = "the server has a fault; its log says more"
PATIENCE: Final = 5.0  # seconds in which a peer that was told its last may hang up by itself
PAUSE: Final = 0.1  # seconds of silence after which a peer that was refused has sent all that it was sending
LONGEST_REFUSED: Final = 60.0  # seconds for which one that goes on sending is heard out


class Peer:
    """A peer that connected; the ``Server`` says when to read and when to write.

    What the socket does not take waits here. A peer that does not read is not read from either, and past the
    ``max_output`` of the settings it is cut off.
    """

    def __init__(
        self,
        server: Server,
        endpoint: socket.socket,
        listener: Listener,
        certificate_names: tuple[str, ...] = (),
    ) -> None:
        """``certificate_names`` are those of its certificate, where it showed one that was verified."""
        self.server = server
        self.endpoint = endpoint
        self.listener = listener  # where it came in
        self.number = endpoint.fileno()
        self.over_tcp = endpoint.family != socket.AF_UNIX
        self.receive: Callable[[bytes], None]
        self.connection, self.receive = server.desk.connect(self.number, host_of(endpoint))
        self.outgoing = self.connection.outgoing
        self.recv: Callable[[int], bytes] = endpoint.recv
        self.send = endpoint.send
        self.visitor = Visitor(self.connection.host.decode(), listener.given, self.hold, certificate_names)
        self.unsent: deque[memoryview] = deque()  # what the socket did not take
        self.waiting_bytes = 0  # of the unsent
        self.reading = True  # False while too much is unsent
        self.held = False  # it has to wait for what it hears next
        self.at_end = False  # the peer sends no more; there may be something left to read
        self.silent = False  # we have read all that it says
        self.leaving = False  # the broker has forgotten it
        self.parting = False  # it has been told everything, and is closed when that is sent
        self.refused = False  # it is ended in the middle of what it sends, and has been told why
        self.ignored = 0  # bytes that came after its end

    # Input

    def read(self) -> bool:
        """Take a chunk of what came; False when nothing was there, or the server cannot take more for now."""
        if not self.server.reading:
            self.server.read_later(self)
            return False
        if self.connection.listing and not self.goes_on():
            return False
        try:
            chunk = self.recv(CHUNK)
            self.server.received_bytes += len(chunk)
            self.receive(chunk)
        except BlockingIOError:
            return False
        except ProtocolError as error:
            self.end(error)
        except OSError:  # reset by the peer
            chunk = b""
        if not chunk:
            self.end_of_input()
            return True
        if not self.outgoing and not self.server.desk.will_answer(self.connection):
            self.acknowledge()
        if len(chunk) == CHUNK and not self.at_end:
            self.server.read_later(self)
        return True

    def goes_on(self) -> bool:
        """Whether it may be read: not while it hears a long list, then what it has said is taken first."""
        try:
            return self.server.desk.go_on(self.connection)
        except ProtocolError as error:
            self.end(error)
            return True

    def read_to_end(self) -> None:
        """Take all that came before the peer's end, which epoll tells of only once."""
        self.at_end = True
        while self.reading and not self.silent and self.read():
            pass

    def acknowledge(self) -> None:
        """Have TCP acknowledge at once what no answer of ours will acknowledge.

        A peer without TCP_NODELAY sends its next small packet only then, and TCP would let it wait for 40 ms: `gear`
        does 21 foreground jobs a second with a gearmand, and 2,000 with this.
        """
        if self.over_tcp:
            with suppress(OSError):  # it is gone already
                self.endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def end_of_input(self) -> None:
        """The peer says no more: it still hears the answers to what it said."""
        self.silent = True
        if self.parting:
            self.part()
        self.leave()

    def hang_up(self) -> None:
        """The connection is gone in both directions: there is nobody to hear what is unsent."""
        self.drop_unsent()
        self.reading = True
        self.read_to_end()
        if self.parting:
            self.close()

    # Output

    def write(self, packets: bytes) -> None:
        """The one write of a turn."""
        if self.unsent:
            self.keep(packets)
            return
        try:
            sent = self.send(packets)
        except BlockingIOError:
            sent = 0
        except OSError:  # the peer is gone: we hear out what it has sent, and then its end
            return
        self.server.sent_bytes += sent
        if sent < len(packets):
            self.keep(packets[sent:])

    def keep(self, packets: bytes) -> None:
        """Let packets wait for the peer."""
        self.unsent.append(memoryview(packets))
        self.connection.clogged = True
        self.waiting_bytes += len(packets)
        if self.waiting_bytes > self.server.settings.max_output:
            return self.cut_off()
        if self.waiting_bytes > self.server.high_water:
            self.reading = False

    def send_unsent(self) -> None:
        """The socket takes bytes again."""
        if self.held:
            return
        try:
            while self.unsent:
                sent = self.send(self.unsent[0])
                self.waiting_bytes -= sent
                self.server.sent_bytes += sent
                if sent < len(self.unsent[0]):
                    self.unsent[0] = self.unsent[0][sent:]
                    break
                self.unsent.popleft()
        except BlockingIOError:
            return
        except OSError:  # the peer is gone
            self.drop_unsent()
        self.connection.clogged = bool(self.unsent)
        if not self.reading and self.waiting_bytes <= self.server.high_water:
            self.reading = True
            self.server.read_later(self)
        if self.parting and not self.unsent:
            self.part()

    def hold(self) -> None:
        """Let the peer wait for what it hears next, and read nothing more from it meanwhile: it guesses tokens."""
        self.held = True
        self.reading = False
        self.unsent.append(memoryview(b""))  # so that what comes now is kept
        self.server.loop.call_later(PENALTY, self.let_go)

    def let_go(self) -> None:
        """It has waited."""
        self.held = False
        if self.endpoint.fileno() >= 0:
            self.send_unsent()

    def drop_unsent(self) -> None:
        self.unsent.clear()
        self.connection.clogged = False
        self.waiting_bytes = 0

    def overflow(self, size: int) -> None:
        """Give a peer up that would have to be told more in one turn than it may leave unread."""
        self.waiting_bytes += size
        self.cut_off()

    def cut_off(self) -> None:
        """Give a peer up that leaves too much unread."""
        self.server.log.warning(
            "peer cut off, as it reads too slowly",
            extra={"host": self.connection.host.decode(), "waiting_bytes": self.waiting_bytes},
        )
        self.drop_unsent()
        self.end_of_input()

    # The end

    def end(self, error: ProtocolError) -> None:
        """Part with a peer that does not speak Gearman."""
        self.server.log.info(
            "peer ended", extra={"host": self.connection.host.decode(), "reason": str(error)}
        )
        if error.refusal:
            self.refused = True
            self.connection.send(response(ERROR, error.refusal.encode(), str(error).encode()))
        self.leave()

    def meet_fault(self) -> None:
        """The server has a fault of its own in what the peer asked for."""
        self.server.log.info("peer ended", extra={"host": self.connection.host.decode(), "reason": FAULT})
        self.connection.send(response(ERROR, b"INTERNAL_ERROR", FAULT.encode()))
        self.leave()

    def leave(self) -> None:
        """The broker forgets the peer; its connection ends when it was told everything."""
        if not self.leaving:
            self.leaving = True
            self.receive = self.ignore
            self.server.desk.disconnect(self.connection)
            self.server.leaving.append(self)

    def part(self) -> None:
        """All is said: close once it is sent, but let a peer that still talks hear us out.

        A socket that is closed with input unread resets the connection, and a peer that is busy sending would then
        find an error of its system instead of our answer.
        """
        self.parting = True
        if self.unsent:
            return None
        if self.silent:
            self.close()
            return None
        if self.refused:
            self.refused = False
            return self.hear_out(-1, self.server.loop.time() + LONGEST_REFUSED)
        self.close_in_time()

    def hear_out(self, ignored: int, until: float) -> None:
        """Let a peer send all of what was refused before it hears our end: PHP would not read our answer before.

        An end of ours that it hears while it sends has TCP hold acknowledgements back: every 64 KiB take 40 ms then.
        """
        if self.silent or self.ignored == ignored or self.server.loop.time() >= until:
            return self.close_in_time()
        self.server.loop.call_later(PAUSE, self.hear_out, self.ignored, until)

    def close_in_time(self) -> None:
        """Tell the peer that nothing more will come, and close when it hangs up, or soon."""
        if self.endpoint.fileno() < 0:
            return
        with suppress(OSError):
            self.endpoint.shutdown(socket.SHUT_WR)
        self.server.loop.call_later(PATIENCE, self.close)

    def ignore(self, chunk: bytes) -> None:
        """What the peer says after its end."""
        self.ignored += len(chunk)

    def untie(self) -> None:
        """Refer to itself no more: a cycle would keep its memory until the garbage collector looks for it."""
        self.receive = unheard
        self.visitor.leave()

    def close(self) -> None:
        """Close the socket, whatever is unsent."""
        if self.endpoint.fileno() >= 0:
            self.server.forget(self)
            self.endpoint.close()


def unheard(chunk: bytes) -> None:
    """Nobody is there any more."""


def host_of(endpoint: socket.socket) -> bytes:
    """A peer's address as ``workers`` shows it."""
    if endpoint.family == socket.AF_UNIX:
        return b"unix"
    try:
        return str(endpoint.getpeername()[0]).encode()
    except OSError:  # gone already
        return b"-"
