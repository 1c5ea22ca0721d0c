"""A pool in memory: one server's hub, and for each shard a leader that dies and is followed when the test says so.

A leader is a real broker with a real session for each peer that it was told of. What a store would keep, the
background jobs, goes from one leader of a shard to the next.
"""

from __future__ import annotations

from collections import deque

from geartrain.broker.broker import Broker
from geartrain.broker.model import Job, job_by_handle, number_of
from geartrain.broker.rules import Rules
from geartrain.broker.session import Session, end_turn
from geartrain.broker.shards import shard_of
from geartrain.errors import ProtocolError
from geartrain.protocol.commands import (
    CAN_DO,
    EXTENSION_OPTION,
    JOB_CREATED,
    NOOP,
    OPTION_REQ,
    OPTION_RES,
    WORK_FAIL,
)
from geartrain.protocol.packet import HEADER, HEADER_SIZE, PAYLOAD_LIMIT, request, response
from geartrain.relay.frames import ATTACH, DETACH, PACKETS, READY, SAID, Frame
from geartrain.relay.front import Front
from geartrain.relay.hub import Hub
from geartrain.relay.state import PeerState, state_of
from tests.wire import START, Packet, packets

HOLD = 5.0
RULES = Rules(prefix=b"H:test", version=b"1.2.3", pid=4711)


class Leader:
    """A shard's broker with the peers that a front has attached."""

    def __init__(self, pool: MemoryPool, shard: int, predecessor: Leader | None) -> None:
        self.pool = pool
        self.shard = shard
        self.broker = Broker(RULES)
        self.broker.set_time(pool.now, pool.now + START)
        self.guests: dict[int, Session] = {}
        self.claims: list[tuple[int, bytes]] = []  # jobs that peers say they run
        self.inbox: deque[Frame] = deque()
        self.outbox: deque[tuple[int, list[bytes]]] = deque()
        self.heard: list[tuple[int, int]] = []  # kinds of frames and peers, for tests that ask
        if predecessor is not None:
            self.load(predecessor)

    # What comes before it leads

    def load(self, predecessor: Leader) -> None:
        """Take over what the last leader's store kept."""
        self.broker.policies = predecessor.broker.policies
        for job in predecessor.broker.jobs.values():
            if job.background and job.workload is not None:
                number = self.broker.last_handle
                self.broker.last_handle = job.number - 1
                self.broker.submit(
                    job.function.name, job.unique, job.reducer, job.workload, job.priority, None, job.run_at
                )
                self.broker.last_handle = max(number, job.number)
        self.broker.last_handle = max(self.broker.last_handle, predecessor.broker.last_handle)

    # Frames

    def send(self, kind: int, shard: int, number: int, body: bytes) -> None:
        """What the hub sends with."""
        assert shard == self.shard
        self.inbox.append((kind, shard, number, body))

    def work(self, frames: int = 1_000_000) -> None:
        """Do what some frames ask, as a turn."""
        while self.inbox and frames:
            frames -= 1
            kind, _, number, body = self.inbox.popleft()
            self.heard.append((kind, number))
            self.take(kind, number, body)
        self.end_turn()

    def take(self, kind: int, number: int, body: bytes) -> None:
        if kind == ATTACH:
            self.attach(number, state_of(body))
        elif kind == READY:
            self.judge()
        elif kind == DETACH:
            session = self.guests.pop(number, None)
            if session is not None:
                self.broker.disconnect(session.connection)
        elif number in self.guests:
            session = self.guests[number]
            said = len(session.connection.outgoing)
            self.receive(number, session, body)
            if kind == SAID:
                del session.connection.outgoing[said:]
            else:
                assert kind == PACKETS

    def receive(self, number: int, session: Session, body: bytes) -> None:
        """One message at a time, so that each job's number is one of the shard."""
        while body:
            length = HEADER_SIZE + HEADER.unpack_from(body)[2] if body[0] == 0 else body.index(b"\n") + 1
            message, body = body[:length], body[length:]
            while (self.broker.last_handle + 1) % self.pool.shards != self.shard:
                self.broker.last_handle += 1
            try:
                session.receive(message)
            except ProtocolError as error:
                self.deliver()
                self.pool.hub.close(self.shard, number, error.refusal.encode(), str(error).encode())
                return

    def attach(self, number: int, state: PeerState) -> None:
        assert number not in self.guests
        session = Session(self.broker, self.broker.connect(number, state.host), PAYLOAD_LIMIT)
        self.guests[number] = session
        self.receive(number, session, state.said)
        outgoing = session.connection.outgoing
        outgoing[:] = [packet for packet in outgoing if packet == response(NOOP)]
        for handle, packet in state.waiting:
            self.wait_again(session, handle, packet)
        self.claims += [(number, handle) for handle, _ in state.running]

    def wait_again(self, session: Session, handle: bytes, packet: bytes) -> None:
        """A client waits for a job that the last leader took."""
        connection = session.connection
        job = job_by_handle(self.broker.jobs, handle)
        if job is not None:
            return self.broker.join(job, connection)
        before = self.broker.last_handle
        self.broker.last_handle = number_of(handle) - 1
        session.receive(packet)
        self.broker.last_handle = max(before, number_of(handle))
        created = connection.outgoing.pop()
        if created != response(JOB_CREATED, handle):  # an equal one is another job by now
            for job in list(connection.waiting):
                if response(JOB_CREATED, job.handle) == created:
                    self.broker.leave(connection, job)
            connection.send(response(WORK_FAIL, handle))

    def judge(self) -> None:
        """All peers are attached: give the jobs to those who have them."""
        for number, handle in self.claims:
            job = job_by_handle(self.broker.jobs, handle)
            connection = self.guests[number].connection
            if job is None or not job.queued:
                if job is None or job.worker is not connection:
                    self.pool.hub.fence(self.shard, number, [handle])
                continue
            self.give(job, number)
        self.claims.clear()

    def give(self, job: Job, number: int) -> None:
        connection = self.guests[number].connection
        self.broker.withdraw(job)
        job.function.queues[job.priority].sweep()
        able = connection in job.function.workers
        job.function.workers.setdefault(connection, 0.0)
        self.broker.assign(job, connection)
        if not able:
            del job.function.workers[connection]

    def end_turn(self) -> None:
        end_turn(self.broker)
        self.deliver()

    def deliver(self) -> None:
        """What peers have to hear, on its way to the hub."""
        numbers = {session.connection: number for number, session in self.guests.items()}
        for connection in self.broker.dirty:
            if connection in numbers and connection.outgoing:
                self.outbox.append((numbers[connection], list(connection.outgoing)))
            connection.outgoing.clear()
        self.broker.dirty.clear()

    def speak(self, replies: int = 1_000_000) -> None:
        """Let the hub hear some of that."""
        while self.outbox and replies:
            replies -= 1
            number, parts = self.outbox.popleft()
            self.pool.hub.hear(self.shard, number, parts)


class Peer:
    """A connection of the server."""

    def __init__(self, pool: MemoryPool, front: Front) -> None:
        self.pool = pool
        self.front = front
        self.connection = front.connection

    def sends(self, chunk: bytes) -> None:
        """Send any bytes; the leaders do what they ask."""
        self.front.receive(chunk)
        self.pool.turns()

    def says(self, command: int, *arguments: bytes) -> None:
        """Send a request packet."""
        self.sends(request(command, *arguments))

    def heard(self) -> list[Packet]:
        """The packets that came since the last look."""
        return packets(self.connection.take_outgoing())

    def asks(self, command: int, *arguments: bytes) -> list[Packet]:
        """Send a request packet, and the packets that came since the last look."""
        self.says(command, *arguments)
        return self.heard()

    def types(self, line: bytes) -> bytes:
        """Send a line of the text protocol, and its answer."""
        self.sends(line + b"\n")
        return self.connection.take_outgoing()

    def leaves(self) -> None:
        """Close the connection."""
        self.pool.hub.disconnect(self.front)
        self.pool.turns()


class MemoryPool:
    """A hub and the leaders of its shards; all have one, unless told otherwise."""

    def __init__(self, shards: int = 1, leaders: bool = True) -> None:
        self.shards = shards
        self.now = 1000.0
        self.hub = Hub(shards, RULES, PAYLOAD_LIMIT, HOLD)
        self.hub.set_time(self.now)
        self.leaders: list[Leader | None] = [None] * shards
        self.predecessors: list[Leader | None] = [None] * shards
        self.stuck: set[int] = set()  # shards whose leaders do nothing for now
        if leaders:
            for shard in range(shards):
                self.elects(shard)

    def leader(self, shard: int = 0) -> Leader:
        leader = self.leaders[shard]
        assert leader is not None
        return leader

    def elects(self, shard: int = 0) -> None:
        """The shard gets a leader, another one if it has one, and all is done that waited for it."""
        self.follows(shard)
        self.turns()

    def follows(self, shard: int) -> None:
        """The same, and nothing is done yet."""
        self.predecessors[shard] = self.leaders[shard] or self.predecessors[shard]
        leader = Leader(self, shard, self.predecessors[shard])
        self.leaders[shard] = leader
        self.hub.lead(shard, leader.send)

    def loses(self, shard: int = 0) -> None:
        """The shard's leader is gone, with all that is on its way from it and to it."""
        self.predecessors[shard] = self.leaders[shard] or self.predecessors[shard]
        self.leaders[shard] = None
        self.hub.part(shard)

    def settles(self) -> None:
        """Leaders say that they have kept what became of all that they were told."""
        for side in self.hub.sides:
            self.hub.settle(side.number, side.sent)

    def turns(self) -> None:
        """Let all be done that was said."""
        busy = True
        while busy:
            busy = False
            for leader in self.leaders:
                if leader is not None and leader.shard not in self.stuck:
                    busy = busy or bool(leader.inbox or leader.outbox)
                    leader.work()
                    leader.speak()

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.clock(seconds)
        self.hub.tick()
        self.turns()

    def clock(self, seconds: float) -> None:
        """Set all clocks, and do nothing yet."""
        self.now += seconds
        self.hub.set_time(self.now)
        for leader in self.leaders:
            if leader is not None:
                leader.broker.set_time(self.now, self.now + START)

    def connect(self) -> Peer:
        """A new peer on 127.0.0.1."""
        peer = Peer(self, self.hub.connect(7, b"127.0.0.1"))
        self.turns()
        return peer

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

    def function_of(self, shard: int) -> bytes:
        """A function of a shard."""
        return next(name for name in (b"f%d" % n for n in range(100)) if shard_of(name, self.shards) == shard)
