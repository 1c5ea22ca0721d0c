"""Server: the broker on a loop; it begins and ends the turns, and is the only one that writes."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from geartrain.broker.deadlines import NEVER
from geartrain.broker.model import LISTED, LONGEST_PREFIX, Connection
from geartrain.broker.rules import Rules
from geartrain.server.acceptor import Acceptor
from geartrain.server.certificates import Certificates
from geartrain.server.desk import Desk
from geartrain.server.gatekeeper import Gatekeeper
from geartrain.server.inside import Insider
from geartrain.server.listeners import Listener
from geartrain.server.peer import HIGH_WATER, Peer
from geartrain.server.settings import Settings
from geartrain.server.tls_peer import TlsPeer
from geartrain.server.unfinished import Unfinished
from geartrain.server.visitors import Visitor
from geartrain.tls import TLS, TlsStream
from geartrain.version import __version__

ARGUMENTS_LIMIT: Final = 64 * 1024  # bytes of a packet beside its workload
GONE: Final = select.EPOLLHUP | select.EPOLLERR
USUAL: Final = select.EPOLLIN | select.EPOLLOUT  # there is something to read, and room to write
# Told of a change once, epoll does not look at the socket again: a tenth of a job's time. So who is told reads all.
EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
FIRST_INSIDER: Final = 1_000_000  # a number that no file descriptor has
MOST_TURNS: Final = 8  # before the loop looks at anything else
MOST_EVENTS: Final = 64  # of one turn: with more, the peers that were read first would wait for the last
FEW: Final = 4  # packets of a turn to one peer, which need not be counted
MOST_PLACES: Final = 1000  # of accidents whose traceback the log has
RETRY: Final = 1.0  # seconds until the next turn where nobody knows when it is due
LAST_MOMENT: Final = 1.0  # seconds in which what was written last may arrive, when the server ends


class Server:
    """A job server on the running loop.

    All that was read in one pass over the sockets is one *turn*: the broker hears of it at once, and each connection
    that has something to hear is written to once, when the turn ends.

    The peers' sockets are in an epoll object of our own, which is one reader of the loop. Transports cost more than
    all that we do with a packet: see "Where this differs" in docs/architecture.md.
    """

    def __init__(
        self,
        settings: Settings,
        log: logging.Logger,
        desk_for: Callable[[Server], Desk],
        certificates: Certificates | None = None,
    ) -> None:
        self.settings = settings
        self.log = log
        self.certificates = certificates  # None where no TLS is spoken
        self.peers: dict[Connection, Peer | Insider] = {}
        self.peers_by_number: dict[int, Peer] = {}  # by file descriptor
        self.reading = True  # False while the desk cannot take more
        self.unread: dict[Peer | Insider, None] = {}  # those with more to say than was read, each once
        self.leaving: list[Peer | Insider] = []  # those whose connection ends with the turn
        self.last_insider = FIRST_INSIDER - 1
        self.http_sockets = 0  # connections of HTTP callers
        self.unfinished = Unfinished(self, settings.max_unfinished)
        self.own_insiders = 0  # those of the server itself
        self.received_bytes = 0  # from peers with a socket, since the start
        self.sent_bytes = 0
        self.stopping = False  # it takes no more connections
        self.accidents = 0  # exceptions that nobody expected, since the start
        self.accident_places: set[str] = set()  # of which the log has the traceback
        self.high_water = min(HIGH_WATER, settings.max_output)
        self.loop = asyncio.get_running_loop()
        self.epoll = select.epoll()
        self.loop.add_reader(self.epoll.fileno(), self.read_turns)
        self.acceptor = Acceptor(self)
        self.turned = asyncio.Event()
        self.alarm: asyncio.Handle | None = None  # None while nothing is due at any time
        self.due = 0.0  # when the alarm goes off; uvloop's handle does not know it where that is at once
        self.desk = desk_for(self)
        self.gatekeeper = Gatekeeper(self)
        self.set_time()

    # Life

    async def start(self, listeners: Sequence[Listener]) -> None:
        """Have what outlived the last process, and accept connections on bound sockets."""
        self.set_time()
        await self.desk.start()
        self.acceptor.open(listeners)
        self.end_turns()

    async def stop(self, grace: float) -> None:
        """Take no more connections and jobs, give running jobs and the store ``grace`` seconds each, and close all."""
        self.stopping = True
        self.acceptor.close()
        self.desk.stop()
        try:
            async with asyncio.timeout(grace):
                await self.until(lambda: not self.desk.unfinished())
        except TimeoutError:
            unfinished = self.desk.unfinished() or "nothing left to do"
            self.log.warning("stopped with %s: the grace of %g seconds is over", unfinished, grace)
        self.end_turns()
        await self.close_desk(max(grace, LAST_MOMENT))
        await self.part_with_all()
        if self.alarm is not None:
            self.alarm.cancel()
        self.loop.remove_reader(self.epoll.fileno())
        self.epoll.close()

    async def close_desk(self, patience: float) -> None:
        """Have everything kept, if the store answers in time: what is not kept was not promised."""
        try:
            async with asyncio.timeout(patience):
                await self.desk.close()
        except TimeoutError:
            self.log.error("the store does not answer, and is left: %g seconds are over", patience)

    async def finish(self) -> None:
        """Take no more connections, and return when no job is left."""
        self.stopping = True
        self.acceptor.close()
        self.desk.finish()
        await self.until(self.desk.is_finished)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for the turn after which something holds."""
        while not reached():
            self.turned.clear()
            await self.turned.wait()

    # Peers

    def welcome(self, peer: Peer) -> None:
        """A new connection, whose socket is non-blocking."""
        self.gatekeeper.let_in(peer)
        self.peers[peer.connection] = peer
        self.peers_by_number[peer.number] = peer
        self.epoll.register(peer.number, EVENTS)
        if self.unread:  # it has said something in its handshake already
            self.loop.call_soon(self.read_turns)

    def give_away(self, connection: Connection) -> tuple[socket.socket, TlsStream | None]:
        """Let a peer's socket be somebody else's, with the TLS that it speaks, without a word to it."""
        peer = self.peers_by_number[connection.number]
        self.forget(peer)
        return peer.endpoint, peer.stream if isinstance(peer, TlsPeer) else None

    def link_context(self) -> ssl.SSLContext:
        """For links to other servers of a pool that speak TLS."""
        return TLS().context() if self.certificates is None else self.certificates.link_context

    def admit(self, host: bytes, visitor: Visitor | None = None) -> Insider:
        """A peer within this process, for a visitor or for the server itself, to which no rules apply."""
        self.last_insider += 1
        insider = Insider(self, self.last_insider, host, visitor)
        self.gatekeeper.let_in(insider)
        self.peers[insider.connection] = insider
        self.own_insiders += visitor is None
        return insider

    def connections(self) -> int:
        """How many connections there are, but for the server's own."""
        return len(self.peers) - self.own_insiders

    def has_room(self) -> bool:
        """Whether one more connection may come, of whatever protocol."""
        most = self.settings.max_connections
        sockets = len(self.peers_by_number) + len(self.acceptor.handshakes) + self.http_sockets
        return not 0 < most <= max(sockets, self.connections() + len(self.acceptor.handshakes))

    def read_later(self, peer: Peer | Insider) -> None:
        """There may be more to read from a peer, of which epoll has told already."""
        self.unread[peer] = None

    def forget(self, peer: Peer) -> None:
        """A peer whose socket is about to be closed."""
        self.epoll.unregister(peer.number)
        del self.peers_by_number[peer.number]
        del self.peers[peer.connection]
        peer.untie()

    def part_with_leaving(self) -> None:
        """End the connections of those who left and have nothing more to hear."""
        leaving, self.leaving = self.leaving, []
        for peer in leaving:
            if self.desk.holds(peer.connection):
                self.leaving.append(peer)
            else:
                peer.part()

    async def part_with_all(self) -> None:
        """End all connections; what was written to them gets a moment to arrive."""
        for peer in self.peers.values():
            peer.leave()
        self.end_turn()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_MOMENT):
                await self.until(lambda: not self.peers)
        for peer in list(self.peers.values()):
            peer.close()

    # Turns

    def read_turns(self) -> None:
        """Take turns while there is something to read, but not so long that the loop's other work has to wait."""
        idle = False
        for _ in range(MOST_TURNS):
            happened = self.epoll.poll(0, MOST_EVENTS)
            if not happened and not (self.unread and self.reading):
                idle = True
                break
            self.read_turn(happened)
            # A quiet server: whatever comes next takes longer than asking the loop for it.
            if len(happened) == 1:
                idle = True
                break
        self.desk.keep(idle)
        if self.unread and self.reading:
            self.loop.call_soon(self.read_turns)

    def read_peers(self, wanted: bool) -> None:
        """Read from peers, or let them wait, as the desk can take more or not."""
        if wanted and not self.reading and self.unread:
            self.loop.call_soon(self.read_turns)
        self.reading = wanted

    def read_turn(self, happened: list[tuple[int, int]]) -> None:
        """Read from everybody who has something to say, and end the turn."""
        self.set_time()
        peers = self.peers_by_number
        for number, events in happened:
            peer = peers.get(number)
            if peer is None:
                continue
            try:
                if events == USUAL and peer.reading and not peer.unsent:
                    peer.read()
                else:
                    self.attend(peer, events)
            except Exception as error:  # whatever it is: epoll tells of the other peers only once
                self.accident("a packet of a peer", error, peer)
        if self.unread and self.reading:
            self.read_unread()
        if self.received_bytes >= self.unfinished.next_look:
            self.unfinished.look()
        self.end_turn()

    def attend(self, peer: Peer, events: int) -> None:
        """Do what less usual events ask for."""
        if peer.unsent and events & select.EPOLLOUT:
            peer.send_unsent()
        if events & GONE:
            peer.hang_up()
        elif events & select.EPOLLRDHUP:
            peer.read_to_end()
        elif events & select.EPOLLIN and peer.reading:
            peer.read()

    def read_unread(self) -> None:
        """Read once more from those who had more to say than was read in the last turn."""
        unread, self.unread = self.unread, {}
        for peer in unread:
            try:
                if peer.at_end:
                    peer.read_to_end()
                elif peer.reading:
                    peer.read()
            except Exception as error:  # whatever it is: the others are not told again either
                self.accident("a packet of a peer", error, peer)

    def set_time(self) -> None:
        """Tell the time, once a turn."""
        self.desk.set_time(self.loop.time(), time.time())

    def end_turns(self) -> None:
        """End a turn that is alone."""
        self.end_turn()
        self.desk.keep(True)

    def end_turn(self) -> None:
        """Do what is due, and write to everybody who has something to hear."""
        desk = self.desk
        try:
            desk.end_turn()
        except Exception as error:  # whatever it is: what is said already must be written
            self.accident("the end of a turn", error)
        if desk.accidents:
            self.part_with_unlucky()
        if desk.deeds:
            self.gatekeeper.tell_all(desk.deeds)
        if desk.ended:
            self.part_with_ended()
        self.write_all()
        if desk.whole:
            self.read_on()
        if self.leaving:
            self.part_with_leaving()
        if desk.notices:
            self.write_notices()
        try:
            seconds = desk.wait()
        except Exception as error:  # whatever it is: without an alarm nothing would be done in time any more
            self.accident("the next alarm", error)
            seconds = RETRY
        if seconds != NEVER:
            self.set_alarm(seconds)
        self.turned.set()

    def read_on(self) -> None:
        """Read again from those who have heard a long list, or have asked enough for one turn."""
        for connection in self.desk.whole:
            connection.listing = LISTED
            peer = self.peers.get(connection)
            if peer is not None:
                self.read_later(peer)
        self.desk.whole.clear()
        self.loop.call_soon(self.read_turns)

    def write_all(self) -> None:
        """The one write of the turn to each peer, but for those that must wait for the store."""
        peers = self.peers
        for connection in self.desk.dirty:
            peer = peers.get(connection)
            if peer is not None and peer.outgoing:
                try:
                    if len(peer.outgoing) <= FEW or self.bears(peer, peer.outgoing):
                        peer.write(connection.take_outgoing())
                except Exception as error:  # whatever it is: the others are written to in this turn or never
                    self.accident("writing to a peer", error, peer, mute=True)
        self.desk.dirty.clear()

    def bears(self, peer: Peer | Insider, packets: list[bytes]) -> bool:
        """Whether a peer may be written so much; it is cut off else, before the packets are one piece of memory.

        One result is a packet for each of the waits of a connection that joined a job again and again.
        """
        size = sum(map(len, packets))
        if size <= self.settings.max_output:
            return True
        packets.clear()
        peer.overflow(size)
        return False

    def set_alarm(self, wait: float) -> None:
        """Take a turn in ``wait`` seconds, if none comes before."""
        due = self.loop.time() + wait
        if self.alarm is not None:
            if self.due <= due:
                return
            self.alarm.cancel()
        self.due = due
        self.alarm = self.loop.call_at(due, self.ring)

    def ring(self) -> None:
        """The alarm went off."""
        self.alarm = None
        self.set_time()
        self.end_turns()

    def part_with_ended(self) -> None:
        """Part with peers whom the desk wants to hear no more of."""
        for connection in self.desk.ended:
            peer = self.peers.get(connection)
            if peer is not None:
                peer.leave()
        self.desk.ended.clear()

    def write(self, connection: Connection, packets: list[bytes]) -> None:
        """Write what was held back, if the peer is still there."""
        peer = self.peers.get(connection)
        if peer is not None:
            try:
                if len(packets) <= FEW or self.bears(peer, packets):
                    peer.write(b"".join(packets))
            except Exception as error:  # whatever it is: other replies of the same commit wait behind it
                self.accident("writing to a peer", error, peer, mute=True)
        if self.leaving:
            self.loop.call_soon(self.part_with_leaving)

    def part_with_unlucky(self) -> None:
        """Tell the log of accidents in the broker, and part with those whose packets they are about."""
        accidents = self.desk.accidents[:]
        self.desk.accidents.clear()
        for what, error, connection in accidents:
            self.accident(what, error, None if connection is None else self.peers.get(connection))

    def accident(
        self, what: str, error: Exception, peer: Peer | Insider | None = None, mute: bool = False
    ) -> None:
        """An exception that nobody expected: it is the end of one peer, and of nothing else.

        The peer is told, unless ``mute`` says that nothing can be told to it.

        The log has its traceback once for each place in the code: who can bring it about can do so often.
        """
        self.accidents += 1
        place = place_of(error)
        again = place in self.accident_places
        if not again and len(self.accident_places) < MOST_PLACES:
            self.accident_places.add(place)
        told: dict[str, object] = {"error": f"{type(error).__name__} at {place}", "number": self.accidents}
        if peer is not None:
            told["host"] = peer.connection.host.decode()
        self.log.error(
            "a fault of the server, met by %s", what, extra=told, exc_info=None if again else error
        )
        if peer is not None:
            self.end_unlucky(peer, mute)

    def end_unlucky(self, peer: Peer | Insider, mute: bool) -> None:
        """Part with a peer whose packet was done in part."""
        try:
            if not mute:
                return peer.meet_fault()
            peer.leave()
            peer.close()
        except Exception as error:  # the broker cannot even forget it
            self.log.error("a peer cannot be parted with", exc_info=error)
            peer.close()

    def write_notices(self) -> None:
        for notice in self.desk.notices:
            self.log.warning(notice)
        self.desk.notices.clear()


def place_of(error: BaseException) -> str:
    """Where in the code an exception was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def rules_of(settings: Settings) -> Rules:
    """The settings that the broker is told."""
    prefix = settings.job_handle_prefix or f"H:{socket.gethostname()}"
    return Rules(
        prefix=prefix.encode()[:LONGEST_PREFIX],
        job_retries=settings.job_retries,
        max_lost=settings.max_lost,
        worker_wakeup=1 if settings.worker_wakeup is None else settings.worker_wakeup,
        wakes_more=settings.worker_wakeup is None,
        exceptions=settings.exceptions,
        max_unique=settings.max_unique,
        memory=settings.workload_memory,
        timeout_in_seconds=settings.worker_timeout_unit == "s",
        payload_limit=payload_limit_of(settings),
        max_schedules=settings.max_schedules,
        max_function_schedules=settings.max_function_schedules,
        version=__version__.encode(),
        pid=os.getpid(),
        verbose=settings.verbose.encode(),
    )


def payload_limit_of(settings: Settings) -> int:
    """The most bytes that a packet may have after its header."""
    return settings.max_workload + ARGUMENTS_LIMIT
