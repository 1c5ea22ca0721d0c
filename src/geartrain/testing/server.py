"""A job server without sockets: the real broker, driven by whoever sends it bytes."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from typing import Protocol

from geartrain.broker.broker import Broker
from geartrain.broker.gates import set_policy
from geartrain.broker.lists import ANY_NUMBER
from geartrain.broker.model import Connection
from geartrain.broker.rules import Rules
from geartrain.broker.session import Session, end_turn
from geartrain.protocol.packet import PAYLOAD_LIMIT


class Peer(Protocol):
    """The other end of a connection."""

    def news(self) -> None:
        """The server has written something; ``MemoryServer.read`` gives it."""
        ...

    def cut(self) -> None:
        """The server is gone."""
        ...


class MemoryServer:
    """A server that keeps its background jobs while it is stopped, as one with a store does.

    Any thread may call it. ``clock`` is Unix time.
    """

    def __init__(self, name: str, clock: float) -> None:
        self.name = name  # "memory-0:4730"
        self.broker = Broker(Rules(prefix=b"H:" + name.partition(":")[0].encode()))
        self.broker.lists.set_bounds(ANY_NUMBER, ANY_NUMBER)  # there is nobody who would wait
        self.sessions: dict[Peer, Session] = {}
        self.running = True
        self.numbers = 0  # connections so far
        self.lock = threading.RLock()
        self.set_time(0.0, clock)

    def connect(self, peer: Peer) -> None:
        """A new connection."""
        with self.lock:
            self.numbers += 1
            connection = self.broker.connect(self.numbers, b"memory")
            self.sessions[peer] = Session(self.broker, connection, PAYLOAD_LIMIT)

    def write(self, peer: Peer, packets: bytes) -> None:
        """Bytes that a peer sends: a turn of their own."""
        with self.lock:
            self.sessions[peer].receive(packets)
            self.end_turn()

    def read(self, peer: Peer) -> bytes:
        """What the server has written to a peer since the last time."""
        with self.lock:
            return self.sessions[peer].connection.take_outgoing()

    def unread(self, peer: Peer) -> bool:
        """Whether ``read`` would give something."""
        return bool(self.sessions[peer].connection.outgoing)

    def expects_result(self, peer: Peer) -> bool:
        """Whether the peer waits for a foreground job."""
        return bool(self.sessions[peer].connection.waiting)

    def set_policy(self, function: str, fields: Mapping[str, object]) -> None:
        """Set fields of a function's policy; raises SettingsError."""
        with self.lock:
            set_policy(self.broker, function, fields)
            self.end_turn()

    def next_wanted(self) -> float:
        """Seconds until the first delayed job is due that somebody waits for: one that is to run again."""
        with self.lock:
            clock = self.broker.clock
            jobs = self.broker.jobs.values()
            return min(
                [job.run_at - clock for job in jobs if job.clients and job.run_at > clock], default=math.inf
            )

    def disconnect(self, peer: Peer) -> None:
        """The peer leaves."""
        with self.lock:
            session = self.sessions.pop(peer, None)
            if session is not None:
                self.broker.disconnect(session.connection)
                self.end_turn()

    def stop(self) -> None:
        """Cut every connection, and take no more."""
        self.running = False
        for peer in list(self.sessions):
            self.disconnect(peer)
            peer.cut()

    def set_time(self, now: float, clock: float) -> None:
        """Let time pass: ``now`` by the monotonic clock, ``clock`` in Unix time."""
        with self.lock:
            self.broker.set_time(now, clock)
            self.end_turn()

    def end_turn(self) -> None:
        """Do what is due, and tell everybody who has something to hear."""
        end_turn(self.broker)
        peers = {session.connection: peer for peer, session in self.sessions.items()}
        dirty: list[Connection] = self.broker.dirty[:]
        self.broker.dirty.clear()
        for connection in dirty:
            if connection in peers and connection.outgoing:
                peers[connection].news()
