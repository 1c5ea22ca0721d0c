"""A job server in memory for tests: peers say packets and hear packets, and time passes when the test says so."""

from __future__ import annotations

import json
from typing import Any

from geartrain.broker.broker import Broker
from geartrain.broker.gates import set_policy
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


class Peer:
    """A connection of the server: what it says is handled at once."""

    def __init__(self, server: MemoryServer, session: Session) -> None:
        self.server = server
        self.session = session
        self.connection = session.connection

    def says(self, command: int, *arguments: bytes) -> None:
        """Send a request packet."""
        self.sends(request(command, *arguments))

    def sends(self, chunk: bytes) -> None:
        """Send any bytes, in a turn of their own."""
        self.session.receive(chunk)
        end_turn(self.server.broker)

    def heard(self) -> list[Packet]:
        """The packets that came since the last look."""
        return packets(self.connection.take_outgoing())

    def read(self) -> bytes:
        """The bytes that came since the last look, for the text protocol."""
        return self.connection.take_outgoing()

    def asks(self, command: int, *arguments: bytes) -> list[Packet]:
        """Send a request packet, and the packets that came since the last look."""
        self.says(command, *arguments)
        return self.heard()

    def types(self, line: bytes) -> bytes:
        """Send a line of the text protocol, and its answer."""
        self.sends(line + b"\n")
        return self.read()

    def lists(self, line: bytes) -> list[Any]:
        """Send a line of the text protocol, and the objects of its answer."""
        *lines, dot, rest = self.types(line).split(b"\n")
        assert (dot, rest) == (b".", b"")
        return [json.loads(line) for line in lines]

    def leaves(self) -> None:
        """Close the connection."""
        self.server.broker.disconnect(self.connection)
        end_turn(self.server.broker)


class MemoryServer:
    """A Broker with its sessions, and a clock that the test sets."""

    def __init__(self, rules: Rules | None = None, has_store: bool = False) -> None:
        self.broker = Broker(rules or Rules(prefix=b"H:test"), has_store)
        self.now = 1000.0
        self.clock = START
        self.broker.set_time(self.now, self.clock)
        self.last_number = 0

    def connect(self) -> Peer:
        """A new peer on 127.0.0.1."""
        self.last_number += 1
        connection = self.broker.connect(self.last_number, b"127.0.0.1")
        return Peer(self, Session(self.broker, connection, PAYLOAD_LIMIT))

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
        set_policy(self.broker, function, fields)
        end_turn(self.broker)

    def hears_at_once(self, *said: tuple[Peer, bytes]) -> None:
        """Take what several peers send in one turn."""
        for peer, chunk in said:
            peer.session.receive(chunk)
        end_turn(self.broker)

    def passes(self, seconds: float) -> None:
        """Let time pass in one step."""
        self.sets_clock(self.clock + seconds, seconds)

    def sets_clock(self, clock: float, seconds: float = 0.0) -> None:
        """Set the Unix time while ``seconds`` pass."""
        self.now += seconds
        self.clock = clock
        self.broker.set_time(self.now, self.clock)
        end_turn(self.broker)


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
