"""A server of a pool in memory, in the place of a broker: peers say packets to fronts, and another server leads.

Everything passes as bytes between the hub and the seats, as it does on a link between two servers.
"""

from __future__ import annotations

import re
from functools import partial

from geartrain.broker.access import Badge
from geartrain.broker.broker import Broker
from geartrain.broker.deeds import Deed
from geartrain.broker.model import Connection
from geartrain.broker.rules import Rules
from geartrain.errors import ProtocolError
from geartrain.protocol.packet import HEADER, HEADER_SIZE, PAYLOAD_LIMIT
from geartrain.relay.exchange import Exchange
from geartrain.relay.frames import FrameStream, frame, pack_parts, parts_of
from geartrain.relay.front import Front
from geartrain.relay.guard import guard
from geartrain.relay.hub import Hub
from geartrain.relay.seat import Seat
from tests.wire import Receive

HOLD = 5.0
SERVER = "follower"


class Numbers:
    """Lets handles look as those of a broker of its own, which counts 1, 2, 3: jobs by the order in which they came."""

    HANDLE = re.compile(rb"(?<=H:test:)\d+")

    def __init__(self) -> None:
        self.shown: dict[bytes, bytes] = {}  # by what they are
        self.real: dict[bytes, bytes] = {}  # by what is shown

    def note(self, number: int) -> None:
        """A job has come."""
        real, shown = b"%d" % number, b"%d" % (len(self.shown) + 1)
        self.shown[real] = shown
        self.real[shown] = real

    def changed(self, part: bytes, numbers: dict[bytes, bytes]) -> bytes:
        """A packet or a text with other handles."""

        def other(found: re.Match[bytes]) -> bytes:
            return numbers.get(found[0], found[0])

        changed = self.HANDLE.sub(other, part)
        if part[:1] != b"\0" or len(part) < HEADER_SIZE:
            return changed
        magic, command, _ = HEADER.unpack_from(part)
        return HEADER.pack(magic, command, len(changed) - HEADER_SIZE) + changed[HEADER_SIZE:]

    def changed_all(self, chunk: bytes, numbers: dict[bytes, bytes]) -> bytes:
        """The same for whole packets, one after another, or text."""
        parts = []
        while chunk[:1] == b"\0" and len(chunk) >= HEADER_SIZE:
            length = HEADER_SIZE + HEADER.unpack_from(chunk)[2]
            part, chunk = chunk[:length], chunk[length:]
            parts.append(self.changed(part, numbers) if len(part) == length else part)
        return b"".join(parts) + self.changed(chunk, numbers)


class Member:
    """What ``tests.wire.OneBroker`` is, and a pool behind it."""

    def __init__(self, shards: int, rules: Rules, has_store: bool) -> None:
        self.hub = Hub(shards, rules, PAYLOAD_LIMIT, HOLD)
        self.exchange = Exchange(SERVER, self.hub)
        self.brokers = [
            Broker(rules._replace(shard=shard, shards=shards), has_store) for shard in range(shards)
        ]
        self.seats = [
            Seat(broker, shard, PAYLOAD_LIMIT, self.tell) for shard, broker in enumerate(self.brokers)
        ]
        self.to_leaders = FrameStream()
        self.to_front = FrameStream()
        self.said: list[bytes] = []  # on its way to the leaders
        self.told: list[bytes] = []  # on its way back
        self.fronts: dict[Connection, Front] = {}
        self.numbers = Numbers()
        self.noted = [broker.last_handle for broker in self.brokers]
        for shard, seat in enumerate(self.seats):
            seat.open()
            self.hub.lead(shard, self.send)
        self.end_turn()

    # A desk

    def connect(self, number: int, host: bytes) -> tuple[Connection, Receive]:
        front = self.hub.connect(number, host)
        self.fronts[front.connection] = front
        self.end_turn()
        return front.connection, partial(self.receive, front)

    def guard(self, connection: Connection, badge: Badge | None) -> None:
        guard(self.fronts[connection], badge)

    def receive(self, front: Front, chunk: bytes) -> None:
        front.receive(self.numbers.changed_all(chunk, self.numbers.real))

    def read(self, connection: Connection) -> bytes:
        self.tell_all()
        self.hear_leaders()
        parts = [self.numbers.changed(part, self.numbers.shown) for part in connection.outgoing]
        connection.outgoing.clear()
        return b"".join(parts)

    def disconnect(self, connection: Connection) -> None:
        self.hub.disconnect(self.fronts.pop(connection))

    def set_time(self, now: float, clock: float) -> None:
        self.hub.set_time(now)
        for broker in self.brokers:
            broker.set_time(now, clock)

    def end_turn(self) -> None:
        """Let everything come to rest."""
        self.hub.tick()
        resting = False
        while not resting:
            self.hear_fronts()
            for seat in self.seats:
                seat.end_turn()
                self.note_jobs(seat.broker)
            resting = not self.tell_all() and not self.said
            self.hear_leaders()
        self.hub.dirty.clear()
        if self.hub.ended:
            reason = self.hub.ended[0].reason
            self.hub.ended.clear()
            raise ProtocolError(reason)

    def sleeps(self, connection: Connection) -> bool:
        return self.fronts[connection].asleep

    @property
    def deeds(self) -> list[Deed]:
        assert not any(broker.deeds for broker in self.brokers), "the servers of the peers tell of them"
        return self.hub.deeds

    @property
    def notices(self) -> list[str]:
        return self.hub.notices + [notice for broker in self.brokers for notice in broker.notices]

    def at_broker(self, connection: Connection) -> Connection:
        """The peer's connection at the one broker that there is."""
        (seat,) = self.seats
        return seat.guests[SERVER, self.fronts[connection].number].connection

    # The link

    def send(self, kind: int, shard: int, number: int, body: bytes) -> None:
        self.said.append(frame(kind, shard, number, body))

    def tell(self, server: str, kind: int, shard: int, number: int, parts: list[bytes]) -> None:
        assert server == SERVER
        self.told.append(frame(kind, shard, number, pack_parts(parts)))

    def tell_all(self) -> bool:
        """Let the leaders say what peers have to hear, but for those who wait for the store; whether there was any."""
        for seat in self.seats:
            broker = seat.broker
            broker.dirty[:] = [
                connection
                for connection in broker.connections
                if broker.fetches.keys().isdisjoint(connection.outgoing)
            ]
            seat.deliver()
        return bool(self.told)

    def hear_fronts(self) -> None:
        said, self.said = b"".join(self.said), []
        for kind, shard, number, body in self.to_leaders.receive(said):
            self.seats[shard].take(SERVER, kind, number, body)
            self.note_jobs(self.brokers[shard])

    def note_jobs(self, broker: Broker) -> None:
        """Number the jobs that came since the last look."""
        rules = broker.rules
        for number in range(self.noted[rules.shard] + rules.shards, broker.last_handle + 1, rules.shards):
            self.numbers.note(number)
        self.noted[rules.shard] = broker.last_handle

    def hear_leaders(self) -> None:
        told, self.told = b"".join(self.told), []
        for kind, shard, number, body in self.to_front.receive(told):
            self.exchange.hear(kind, shard, number, parts_of(body))
