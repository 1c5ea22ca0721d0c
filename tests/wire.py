"""A job server in memory for tests: peers say packets and hear packets, and time passes when the test says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from geartrain.broker.access import Access, Badge
from geartrain.broker.broker import Broker
from geartrain.broker.deeds import Deed
from geartrain.broker.gates import set_policy
from geartrain.broker.guard import guard
from geartrain.broker.model import LISTED, LISTING, Connection
from geartrain.broker.rules import Rules
from geartrain.broker.session import Session, end_turn
from geartrain.protocol.commands import (
    CAN_DO,
    EXTENSION_OPTION,
    GRAB_JOB,
    OPTION_REQ,
    OPTION_RES,
    SEPARATORS,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, PAYLOAD_LIMIT, RESPONSE, request

START = 1_800_000_000.0  # Unix time at which every test begins

Packet = tuple[int, *tuple[bytes, ...]]  # a packet type and its arguments
Receive = Callable[[bytes], None]


class Inside(Protocol):
    """What is behind the connections of a server in memory."""

    brokers: list[Broker]

    @property
    def notices(self) -> list[str]: ...
    @property
    def deeds(self) -> list[Deed]: ...
    def connect(self, number: int, host: bytes) -> tuple[Connection, Receive]: ...
    def guard(self, connection: Connection, badge: Badge | None) -> None: ...
    def disconnect(self, connection: Connection) -> None: ...
    def set_time(self, now: float, clock: float) -> None: ...
    def end_turn(self) -> None: ...
    def read(self, connection: Connection) -> bytes: ...
    def sleeps(self, connection: Connection) -> bool: ...
    def at_broker(self, connection: Connection) -> Connection: ...


Build = Callable[[Rules, bool], Inside]  # of the rules, and whether there is a store


class OneBroker:
    """A broker with its sessions."""

    def __init__(self, rules: Rules, has_store: bool) -> None:
        self.broker = Broker(rules, has_store)
        self.brokers = [self.broker]
        self.notices = self.broker.notices
        self.deeds = self.broker.deeds
        self.sessions: dict[Connection, Session] = {}
        self.told: dict[Connection, bytes] = {}  # what was written to peers that hear a long list
        self.disconnect = self.broker.disconnect
        self.set_time = self.broker.set_time

    def connect(self, number: int, host: bytes) -> tuple[Connection, Receive]:
        connection = self.broker.connect(number, host)
        session = Session(self.broker, connection, PAYLOAD_LIMIT)
        self.sessions[connection] = session
        return connection, session.receive

    def guard(self, connection: Connection, badge: Badge | None) -> None:
        guard(self.sessions[connection], badge)

    def end_turn(self) -> None:
        """A turn, as a server takes it: what a peer that hears a long list has to hear is written at once."""
        lists = self.broker.lists
        whole = lists.whole[:]
        lists.whole.clear()
        for connection in whole:
            connection.listing = LISTED
            self.sessions[connection].go_on()
        end_turn(self.broker)
        for connection in [*lists.unfinished, *lists.whole]:
            self.told[connection] = self.told.get(connection, b"") + connection.take_outgoing()

    def read(self, connection: Connection) -> bytes:
        return self.told.pop(connection, b"") + connection.take_outgoing()

    def sleeps(self, connection: Connection) -> bool:
        return connection.asleep

    def at_broker(self, connection: Connection) -> Connection:
        return connection


class Peer:
    """A connection of the server: what it says is handled at once."""

    def __init__(self, server: MemoryServer, connection: Connection, receive: Receive) -> None:
        self.server = server
        self.outside = connection  # as the server writes to it
        self.badge: Badge | None = None  # None while no rules apply to it
        self.receive = receive

    @property
    def connection(self) -> Connection:
        """The connection as the broker knows it."""
        return self.server.inside.at_broker(self.outside)

    @property
    def asleep(self) -> bool:
        """Whether the server takes it to be asleep."""
        return self.server.inside.sleeps(self.outside)

    def says(self, command: int, *arguments: bytes) -> None:
        """Send a request packet."""
        self.sends(request(command, *arguments))

    def sends(self, chunk: bytes) -> None:
        """Send any bytes, in a turn of their own."""
        self.receive(chunk)
        self.server.ends_turn()

    def heard(self) -> list[Packet]:
        """The packets that came since the last look."""
        return packets(self.read())

    def read(self) -> bytes:
        """The bytes that came since the last look, for the text protocol."""
        return self.server.inside.read(self.outside)

    def asks(self, command: int, *arguments: bytes) -> list[Packet]:
        """Send a request packet, and the packets that came since the last look."""
        self.says(command, *arguments)
        return self.heard()

    def types(self, line: bytes) -> bytes:
        """Send a line of the text protocol, and its answer, however many turns that takes."""
        self.sends(line + b"\n")
        while any(broker.lists.wait() == 0 for broker in self.server.inside.brokers):
            self.server.ends_turn()
        return self.read()

    def lists(self, line: bytes) -> list[Any]:
        """Send a line of the text protocol, and the objects of its answer."""
        *lines, dot, rest = self.types(line).split(b"\n")
        assert (dot, rest) == (b".", b"")
        return [json.loads(line) for line in lines]

    def may(self, **rights: Sequence[str]) -> None:
        """Let only what these rights allow be done on this connection from now on."""
        if self.badge is None:
            self.badge = Badge(Access(rights), self.token)
        self.badge.access = Access(rights)
        self.server.inside.guard(self.outside, self.badge)
        self.server.ends_turn()

    def may_do_all(self) -> None:
        """Let no rules apply to this connection."""
        self.server.inside.guard(self.outside, None)
        self.badge = None
        self.server.ends_turn()

    def token(self, token: bytes) -> Access | None:
        """What may be done with a token."""
        return self.server.tokens.get(token)

    def leaves(self) -> None:
        """Close the connection."""
        self.server.inside.disconnect(self.outside)
        self.server.ends_turn()


class MemoryServer:
    """A server, and a clock that the test sets."""

    build: ClassVar[Build] = OneBroker  # what is inside, unless the test says so

    def __init__(
        self, rules: Rules | None = None, has_store: bool = False, build: Build | None = None
    ) -> None:
        self.built = build or MemoryServer.build
        self.inside = self.built(rules or Rules(prefix=b"H:test"), has_store)
        self.now = 1000.0
        self.clock = START
        self.inside.set_time(self.now, self.clock)
        self.last_number = 0
        self.tokens: dict[bytes, Access] = {}

    @property
    def broker(self) -> Broker:
        """The one that knows all jobs."""
        (broker,) = self.inside.brokers
        return broker

    @property
    def notices(self) -> list[str]:
        """What the log would say."""
        return self.inside.notices

    @property
    def deeds(self) -> list[tuple[str, str, str]]:
        """What the audit log would say that it has not said yet: what, on what, and how that ended."""
        told = [(deed.what, deed.on, deed.outcome) for deed in self.inside.deeds]
        self.inside.deeds.clear()
        return told

    def connect(self) -> Peer:
        """A new peer on 127.0.0.1."""
        self.last_number += 1
        return Peer(self, *self.inside.connect(self.last_number, b"127.0.0.1"))

    def worker(self, *functions: bytes) -> Peer:
        """A new peer that has said CAN_DO for each function."""
        worker = self.connect()
        for function in functions:
            worker.says(CAN_DO, function)
        return worker

    def extended(self, *functions: bytes) -> Peer:
        """The same with the extension."""
        peer = self.worker(*functions)
        assert peer.asks(OPTION_REQ, EXTENSION_OPTION) == [(OPTION_RES, EXTENSION_OPTION)]
        return peer

    def running(self, function: bytes) -> Peer:
        """A new worker that has grabbed the next job of the function."""
        worker = self.worker(function)
        assert len(worker.asks(GRAB_JOB)[0]) > 1, "there was no job to grab"
        return worker

    def sets_policy(self, function: str, **fields: object) -> None:
        """Set fields of a function's policy at run time."""
        for broker in self.inside.brokers:
            set_policy(broker, function, fields)
        self.ends_turn()

    def hears_at_once(self, *said: tuple[Peer, bytes]) -> None:
        """Take what several peers send in one turn."""
        for peer, chunk in said:
            peer.receive(chunk)
        self.ends_turn()

    def passes(self, seconds: float) -> None:
        """Let time pass in one step."""
        self.sets_clock(self.clock + seconds, seconds)

    def sets_clock(self, clock: float, seconds: float = 0.0) -> None:
        """Set the Unix time while ``seconds`` pass."""
        self.now += seconds
        self.clock = clock
        self.inside.set_time(self.now, self.clock)
        self.ends_turn()

    def ends_turn(self) -> None:
        """Do what is due, let peers hear what they have to hear, and take all that they said behind a question."""
        self.inside.end_turn()
        while self.rests():
            self.inside.end_turn()

    def rests(self) -> bool:
        """Whether something that a peer said waits for the next turn."""
        return any(peer.listing == LISTING for broker in self.inside.brokers for peer in broker.lists.whole)


def packets(received: bytes) -> list[Packet]:
    """Response packets as tuples of the packet type and its arguments."""
    found: list[Packet] = []
    while received:
        magic, command, length = HEADER.unpack_from(received)
        assert magic == RESPONSE, received
        payload, received = received[HEADER_SIZE : HEADER_SIZE + length], received[HEADER_SIZE + length :]
        arguments = payload.split(b"\0", SEPARATORS[command]) if length else []
        found.append((command, *arguments))
    return found
