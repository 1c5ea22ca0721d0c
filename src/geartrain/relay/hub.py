"""Hub: the peers of one server of a pool, and the shards as the server sees them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from geartrain.broker.answers import text
from geartrain.broker.broker import Broker
from geartrain.broker.deadlines import NEVER
from geartrain.broker.deeds import Deed
from geartrain.broker.model import Connection
from geartrain.broker.rules import Rules
from geartrain.protocol.commands import ERROR
from geartrain.protocol.packet import response
from geartrain.relay.attachment import attach, detach, leave, resume
from geartrain.relay.channel import Result, Send, Shard
from geartrain.relay.frames import COUNT, DRAIN, READY
from geartrain.relay.front import Front
from geartrain.relay.hearing import count_late, end, fence, hear
from geartrain.relay.inquiry import Inquiry
from geartrain.relay.questions import OPEN, Question

PATIENCE: Final = 0.25  # seconds after which a grab hears NO_JOB: old workers do not wait much longer
NUMBERS: Final = 1 << 32  # of peers


def nothing() -> list[dict[str, object]]:
    """What a hub knows of its pool unless its owner says more."""
    return []


class Hub:
    """Every peer of the server as a Front.

    It never looks at a clock: before each turn its owner calls ``set_time``. ``send`` functions of leaders must not
    call it back. Peers are known to leaders by numbers that go up from ``first``, so that those of servers whose first
    ones are far apart differ in lists.
    """

    def __init__(self, shards: int, rules: Rules, payload_limit: int, hold: float, first: int = 0) -> None:
        self.shards = shards
        self.rules = rules
        self.payload_limit = payload_limit
        self.hold = hold  # seconds for which a question waits for a leader
        self.here = Broker(rules)  # has no jobs, and answers what is asked about this server
        self.sides = [Shard(number) for number in range(shards)]
        self.fronts: dict[int, Front] = {}
        self.last_number = first
        self.dirty: list[Connection] = []  # connections with something to write
        self.ended: list[Front] = []  # those whose connection must end when it has written all
        self.notices: list[str] = []  # for the log
        self.deeds: list[Deed] = []  # for the audit log
        self.greeted: list[tuple[Front, bytes]] = []  # peers that are servers of the pool, and what they said
        self.about: Callable[[], list[dict[str, object]]] = nothing  # what is known of the pool
        self.fenced = 0  # results that came when the job was not their worker's any more
        self.draining = False
        self.inquiry: Inquiry | None = None  # None while the server does not leave the pool
        self.now = 0.0  # monotonic seconds
        self.grabs: deque[Question] = deque()  # those that may be open still, in the order of their times

    def set_time(self, now: float) -> None:
        """Say what time it is, in monotonic seconds."""
        self.now = now

    # Peers

    def connect(self, number: int, host: bytes) -> Front:
        """A new peer; ``number`` is the server's own, leaders know it by the front's."""
        connection = Connection(number, host, self.rules.exceptions, self.dirty)
        front = Front(self, self.next_number(), connection)
        self.fronts[front.number] = front
        return front

    def next_number(self) -> int:
        """The number by which leaders know the next peer."""
        self.last_number = (self.last_number + 1) % NUMBERS
        while self.last_number in self.fronts or not self.last_number:
            self.last_number = (self.last_number + 1) % NUMBERS
        return self.last_number

    def disconnect(self, front: Front) -> None:
        """The peer is gone; what it said while a shard had no leader will still be said."""
        leave(front)
        self.forget(front)

    def forget(self, front: Front) -> None:
        """Drop a front if its peer is gone and has nothing left to say."""
        if front.gone and not front.channels:
            self.fronts.pop(front.number, None)

    def drain(self) -> None:
        """The server leaves the pool: its peers get no new work and give none; what runs may end."""
        self.draining = True
        for front in self.fronts.values():
            front.reset_abilities([])
            front.flush()
        if self.inquiry is None:
            asking = Front(self, self.next_number(), Connection(0, b"", False, []))
            self.fronts[asking.number] = asking
            self.inquiry = Inquiry(asking, self.fronts)

    def drain_peer(self, number: int, draining: bool) -> None:
        """A leader was asked to give a peer no new jobs, or to give it jobs again: so must the others do."""
        front = self.fronts.get(number)
        if front is None or front.draining == draining:
            return
        front.draining = draining
        front.tell_leaders(DRAIN, b"1" if draining else b"")

    def unfinished(self) -> str:
        """What a server that leaves the pool waits for, as the log says it; empty where it may go.

        It does not wait for jobs that are only queued: their clients are to ask elsewhere.
        """
        channels = [channel for front in self.fronts.values() for channel in front.channels.values()]
        if [channel for channel in channels if channel.running]:
            return "running jobs"
        if [channel for channel in channels if channel.may_be_given_job()]:
            return "a worker that may be given a job yet"
        if [side for side in self.sides if side.unsettled] + [each for each in channels if each.backlog]:
            return "results that no leader has kept yet"
        awaited = [channel for channel in channels if channel.waiting]
        if awaited and (self.inquiry is None or self.inquiry.awaited):
            return "clients that wait for running jobs"
        return ""

    def is_busy(self) -> bool:
        """Whether something is unfinished."""
        return bool(self.unfinished())

    # Shards

    def lead(self, shard: int, send: Send) -> None:
        """The shard has a leader that can be reached, new or found again: it is told all, and asked again."""
        side = self.sides[shard]
        side.send = send
        side.held.clear()
        self.say_again(side)
        concerned = [
            (front, front.channels[shard]) for front in self.fronts.values() if shard in front.channels
        ]
        for front, channel in concerned:
            attach(front, channel, send)
        side.sent += 1
        side.ready = side.sent
        send(READY, shard, 0, COUNT.pack(side.ready))
        for front, channel in concerned:
            resume(front, channel, send)
            if front.gone:
                detach(front, channel, send)
                self.forget(front)
        side.resumed = side.sent
        for result in side.unsettled:
            result.frame = side.sent

    def say_again(self, side: Shard) -> None:
        """Results that the last leader may not have kept are said to the next one, also those of peers that left."""
        side.again = {(result.front.number, result.handle): result for result in side.unsettled}
        for result in reversed(side.unsettled):
            channel, front = result.channel, result.front
            if result.frame:
                result.told = True
                channel.backlog.insert(0, result.packet)
            channel.ending[result.handle] = result.status
            front.channels[side.number] = channel
            self.fronts[front.number] = front

    def settle(self, shard: int, count: int) -> None:
        """The shard's leader has kept what became of the first ``count`` frames of packets."""
        side = self.sides[shard]
        unsettled = side.unsettled
        while unsettled and unsettled[0].frame <= count:
            unsettled.popleft()
        if side.again and count >= side.resumed:
            side.again.clear()

    def part(self, shard: int) -> None:
        """The shard has no leader that can be reached: what is for it waits."""
        side = self.sides[shard]
        if side.send is None:
            return
        side.send = None
        for front in self.fronts.values():
            channel = front.channels.get(shard)
            if channel is not None:
                side.held.extend(
                    [(self.now, question) for question in channel.pending if question.state == OPEN]
                )

    def unanswered_since(self, shard: int) -> float:
        """When the oldest question was asked that a shard's leader has not answered; NEVER where there is none."""
        oldest = NEVER
        for front in self.fronts.values():
            channel = front.channels.get(shard)
            for question in channel.pending if channel is not None else ():
                if question.state == OPEN:
                    oldest = min(oldest, question.asked_at)
                    break
        return oldest

    def hear(self, shard: int, number: int, parts: list[bytes]) -> None:
        """What the shard's leader says to a peer."""
        front = self.fronts.get(number)
        if front is None:
            return
        channel = front.channels.get(shard)
        if channel is not None and channel.shard.send is not None:
            hear(front, channel, parts)

    def fence(self, shard: int, number: int, handles: list[bytes]) -> None:
        """The shard's leader says that a peer does not run these jobs."""
        front = self.fronts.get(number)
        channel = None if front is None else front.channels.get(shard)
        if front is not None and channel is not None:
            return fence(front, channel, handles)
        for result in self.left_by(shard, number, handles):
            count_late(result.front, result.channel, result.handle)

    def end(self, shard: int, number: int, handles: list[bytes]) -> None:
        """The shard's new leader says that jobs which a peer would run are over."""
        front = self.fronts.get(number)
        channel = None if front is None else front.channels.get(shard)
        if front is not None and channel is not None:
            return end(front, channel, handles)
        for result in self.left_by(shard, number, handles):
            if not result.told:
                count_late(result.front, result.channel, result.handle)

    def left_by(self, shard: int, number: int, handles: list[bytes]) -> list[Result]:
        """The results of some jobs that a peer said before it left."""
        return [
            result
            for result in self.sides[shard].unsettled
            if result.front.number == number and result.handle in handles
        ]

    def close(self, shard: int, number: int, code: bytes, reason: bytes) -> None:
        """The shard's leader says that a peer's connection must end."""
        front = self.fronts.get(number)
        if front is None or front.gone:
            return
        if code:
            front.connection.send(response(ERROR, code, reason))
        front.reason = text(reason)
        self.ended.append(front)

    def count_fenced(self, front: Front, handle: bytes) -> None:
        """A worker's result came too late."""
        self.fenced += 1
        self.notices.append(
            f"late result of a job that is not the worker's any more handle={text(handle)} "
            f"host={text(front.connection.host)}"
        )

    # Time

    def tick(self) -> None:
        """Answer what has waited for too long, and go on with the inquiry."""
        if self.inquiry is not None:
            self.inquiry.go_on(self.now)
        while self.grabs and self.grabs[0].asked_at + PATIENCE <= self.now:
            self.give_up(self.grabs.popleft())
        for side in self.sides:
            while side.held and side.held[0][0] + self.hold <= self.now:
                self.give_up(side.held.popleft()[1])

    def give_up(self, question: Question) -> None:
        """Answer a question without a leader, if it is open still."""
        if question.state != OPEN:
            return
        front = question.front
        front.replies.give_up(question)
        if front.gone:
            question.channel.pending.remove(question)
            if not question.channel.has_unsaid():
                front.channels.pop(question.channel.shard.number, None)
            self.forget(front)

    def wait(self) -> float:
        """How many seconds may pass until the next ``tick``; NEVER while nothing waits."""
        grabs = self.grabs
        while grabs and grabs[0].state != OPEN:
            grabs.popleft()
        soonest = grabs[0].asked_at + PATIENCE if grabs else NEVER
        for side in self.sides:
            held = side.held
            while held and held[0][1].state != OPEN:
                held.popleft()
            if held:
                soonest = min(soonest, held[0][0] + self.hold)
        soonest = soonest if soonest == NEVER else max(soonest - self.now, 0.0)
        return soonest if self.inquiry is None else min(soonest, self.inquiry.wait(self.now))

    def counts(self) -> dict[str, int]:
        """How many there are, for whoever watches the server."""
        fronts = [front for front in self.fronts.values() if not front.gone]
        channels = [channel for front in fronts for channel in front.channels.values()]
        return {
            "peers": len(fronts),
            "workers": len([front for front in fronts if front.working]),
            "running": sum([len(channel.running) for channel in channels]),
            "waiting": sum([len(channel.waits()) for channel in channels]),
            "unanswered": sum([len(front.replies.questions) for front in fronts]),
            "fenced": self.fenced,
        }
