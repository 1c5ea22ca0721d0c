"""A leader in memory for tests: servers send it frames and hear frames, and time passes when the test says so."""

from __future__ import annotations

from collections.abc import Sequence

from geartrain.broker.batch import Batch, Kept
from geartrain.broker.broker import Broker
from geartrain.broker.durability import adopt, keep, take_batch
from geartrain.broker.model import Connection, Job, job_by_handle
from geartrain.broker.rules import Rules
from geartrain.protocol.packet import PAYLOAD_LIMIT, request
from geartrain.relay.frames import (
    ATTACH,
    CLOSED,
    COUNT,
    FENCED,
    OVER,
    PACKETS,
    READY,
    REPLIES,
    SAID,
    Frame,
    pack_parts,
    parts_of,
)
from geartrain.relay.seat import Seat
from geartrain.relay.state import Pair, PeerState, state_bytes
from tests.broker.kept import KeptJobs
from tests.wire import START, Packet, packets

RULES = Rules(prefix=b"H:test")
A = "server A"
B = "server B"


class Leader:
    """A seat, the store behind it, and what it told each server and nobody has looked at."""

    def __init__(self, store: KeptJobs | None = None, rules: Rules = RULES, clock: float = START) -> None:
        self.store = store or KeptJobs()
        self.broker = Broker(rules, has_store=True)
        self.now = 1000.0
        self.clock = clock
        self.broker.set_time(self.now, self.clock)
        adopt(self.broker, kept_of(self.store))
        self.told: dict[str, list[Frame]] = {A: [], B: []}
        self.seat = Seat(self.broker, rules.shard, PAYLOAD_LIMIT, self.tell)
        self.under_way: Batch | None = None
        self.held: dict[Connection, list[bytes]] = {}  # until it is kept
        self.next: dict[Connection, list[bytes]] = {}  # until the one after it is

    def tell(self, server: str, kind: int, shard: int, number: int, parts: list[bytes]) -> None:
        self.told.setdefault(server, []).append((kind, shard, number, pack_parts(parts)))

    # What servers say

    def takes(self, server: str, kind: int, number: int = 0, body: bytes = b"") -> None:
        """A frame, in a turn of its own."""
        self.seat.take(server, kind, number, body)
        self.ends_turn()

    def attaches(
        self,
        server: str,
        number: int,
        *said: bytes,
        running: Sequence[Pair] = (),
        waiting: Sequence[Pair] = (),
    ) -> None:
        """A server attaches a peer."""
        state = PeerState(b"127.0.0.1", b"".join(said), running, waiting)
        self.takes(server, ATTACH, number, state_bytes(state))

    def hears(self, server: str, number: int, *said: bytes) -> None:
        """A peer says packets or text lines."""
        self.takes(server, PACKETS, number, b"".join(said))

    def says(self, server: str, number: int, command: int, *arguments: bytes) -> None:
        """A peer says a packet."""
        self.hears(server, number, request(command, *arguments))

    def asks(self, server: str, number: int, command: int, *arguments: bytes) -> list[Packet]:
        """The same, and what it hears."""
        self.says(server, number, command, *arguments)
        return self.heard(server, number)

    def is_told(self, server: str, number: int, command: int, *arguments: bytes) -> None:
        """A server says a packet for a peer that wants no answer."""
        self.takes(server, SAID, number, request(command, *arguments))

    def opens(self) -> None:
        """Those who attached are all."""
        self.seat.open()
        self.ends_turn()

    def opened(self) -> Leader:
        """The same leader, open."""
        self.opens()
        return self

    def is_ready(self, server: str) -> None:
        self.takes(server, READY, 0, COUNT.pack(0))

    def breaks(self, server: str) -> None:
        """The link to a server breaks."""
        self.seat.orphan(server)
        self.ends_turn()

    def loses(self, server: str) -> None:
        """A server is gone for good."""
        self.seat.leave(server)
        self.ends_turn()

    # Turns

    def ends_turn(self) -> None:
        self.seat.end_turn()
        self.holds_back()
        self.seat.deliver()

    def holds_back(self) -> None:
        """Keep back what holds only once a batch is kept, and what comes after it."""
        for connection in self.broker.dirty:
            if connection.promised or connection in self.next or connection in self.held:
                self.next.setdefault(connection, []).extend(connection.outgoing)
                connection.outgoing.clear()
                connection.promised = False

    def begins_commit(self) -> None:
        self.under_way = take_batch(self.broker)
        self.held, self.next = self.next, {}

    def ends_commit(self) -> None:
        """The store has kept the batch, and what it promised is said."""
        assert self.under_way is not None
        self.store.commit(self.under_way)
        keep(self.broker, self.under_way)
        self.under_way = None
        held, self.held = self.held, {}
        for connection, parts in held.items():
            self.seat.write(connection, parts)

    def commits(self) -> None:
        """The store keeps all that was asked of it."""
        self.begins_commit()
        self.ends_commit()

    def passes(self, seconds: float) -> None:
        """Let time pass in one step."""
        self.now += seconds
        self.clock += seconds
        self.broker.set_time(self.now, self.clock)
        self.ends_turn()

    # What servers hear

    def frames(self, server: str) -> list[Frame]:
        """All that a server was told since the last look."""
        frames = self.told[server]
        self.told[server] = []
        return frames

    def parts(self, server: str, number: int, kind: int) -> list[bytes]:
        """The parts of the frames of one kind for a peer, which are looked at with this."""
        frames = self.told[server]
        found = [frame for frame in frames if frame[0] == kind and frame[2] == number]
        self.told[server] = [frame for frame in frames if frame not in found]
        return [part for frame in found for part in parts_of(frame[3])]

    def heard(self, server: str, number: int) -> list[Packet]:
        """The packets that a peer has to hear."""
        return packets(b"".join(self.parts(server, number, REPLIES)))

    def fenced(self, server: str, number: int) -> list[bytes]:
        """The handles of jobs that a peer does not run."""
        return self.parts(server, number, FENCED)

    def over(self, server: str, number: int) -> list[bytes]:
        """The handles of jobs that a peer would run, and that are over."""
        return self.parts(server, number, OVER)

    def closed(self, server: str, number: int) -> list[bytes]:
        """Why a peer's connection has to end."""
        return self.parts(server, number, CLOSED)

    def job(self, handle: bytes) -> Job:
        job = job_by_handle(self.broker.jobs, handle)
        assert job is not None, handle
        return job

    def dies(self) -> Leader:
        """Another leader, with what the store kept."""
        return Leader(self.store, self.broker.rules, self.clock)


def kept_of(store: KeptJobs) -> Kept:
    """All that a store kept."""
    results = sorted(store.results.values(), key=lambda result: result.finished_at)
    jobs = [store.jobs[number] for number in sorted(store.jobs)]
    return Kept(jobs, list(store.dead.values()), results, list(store.documents.values()), store.last_number)
