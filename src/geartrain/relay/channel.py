"""Channel: what is between one peer and the leader of one shard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from geartrain.protocol.commands import SEPARATORS
from geartrain.protocol.packet import HEADER, HEADER_SIZE, NUL
from geartrain.relay.frames import PACKETS
from geartrain.relay.questions import OPEN, Question
from geartrain.relay.state import Pair

if TYPE_CHECKING:
    from geartrain.relay.front import Front

Offer = tuple[bytes, tuple[int, list[bytes]]]  # a function, and a packet's type and arguments
Send = Callable[[int, int, int, bytes], None]  # kind, shard, number of the peer, body


class Shard:
    """A shard as a hub sees it."""

    __slots__ = ("again", "held", "number", "ready", "resumed", "send", "sent", "unsettled")

    def __init__(self, number: int) -> None:
        self.number = number
        self.send: Send | None = None  # None while it has no leader
        self.held: deque[tuple[float, Question]] = deque()  # what waits for a leader, and since when
        self.sent = 0  # frames of PACKETS and READY to leaders so far
        self.ready = 0  # which of them was the last READY
        self.resumed = 0  # those of them with which this leader has heard what was said and asked before
        self.unsettled: deque[Result] = deque()  # what the leader has not kept yet, as far as we know
        self.again: dict[tuple[int, bytes], Result] = {}  # what this leader hears first, by peer and handle


class Result:
    """A worker's last word on a job, until the leader has kept it."""

    __slots__ = ("channel", "frame", "front", "handle", "packet", "refused", "status", "told")

    def __init__(
        self, front: Front, channel: Channel, handle: bytes, packet: bytes, status: bytes, frame: int
    ) -> None:
        self.front = front
        self.channel = channel
        self.handle = handle
        self.packet = packet
        self.status = status  # the last WORK_STATUS or nothing
        self.frame = frame  # the number of the frame that says it; 0 while no leader was told
        self.told = False  # it was said before: a leader, or this one over another link, may have kept it
        self.refused = False  # it was counted as one that came too late


class Channel:
    """What a peer and the leader of a shard have to do with each other.

    The leader knows the peer from the moment at which there are both a leader and a channel.
    """

    __slots__ = (
        "abilities",
        "backlog",
        "ending",
        "held",
        "loaded",
        "number",
        "out",
        "overdue",
        "pending",
        "running",
        "shard",
        "waiting",
    )

    def __init__(self, shard: Shard, number: int, loaded: list[Channel]) -> None:
        self.shard = shard
        self.number = number  # of the peer, as leaders know it
        self.loaded = loaded  # the peer's list of channels with something to send
        self.out: list[bytes] = []  # for the leader, sent together when the chunk is read
        self.pending: deque[Question] = deque()  # asked and not answered, as the leader was asked
        self.held: Question | None = None  # the last one answered, while the peer has to hear others first
        self.overdue: Question | None = None  # a grab that was given up; it will be answered yet
        self.abilities: dict[bytes, bytes] = {}  # CAN_DO packets by function, in the order of the first ones
        self.running: dict[bytes, bytes] = {}  # its jobs by handle, with the last WORK_STATUS or nothing
        self.waiting: dict[bytes, list[bytes]] = {}  # submits without a final packet, by handle
        self.backlog: list[bytes] = []  # what it said of jobs while there is no leader
        self.ending: dict[bytes, bytes] = {}  # the jobs that the backlog ends, as in ``running``

    def ask(self, question: Question, now: float) -> None:
        """Ask the leader, or the next one when there is none."""
        self.pending.append(question)
        if self.shard.send is None:
            return self.shard.held.append((now, question))
        if not self.out:
            self.loaded.append(self)
        self.out.append(question.packet)

    def say(self, packet: bytes) -> None:
        """Tell the leader what the next one will learn from the peer's state."""
        if self.shard.send is None:
            return
        if not self.out:
            self.loaded.append(self)
        self.out.append(packet)

    def keep_saying(self, packet: bytes) -> None:
        """Tell the leader, or the next one when there is none."""
        if self.shard.send is None:
            self.backlog.append(packet)
        else:
            self.say(packet)

    def flush(self) -> None:
        """Send what was said."""
        out = self.out
        shard = self.shard
        if shard.send is not None:
            shard.sent += 1
            shard.send(PACKETS, shard.number, self.number, out[0] if len(out) == 1 else b"".join(out))
        out.clear()

    def expect(self, handle: bytes, packet: bytes) -> None:
        """The peer waits for a job, and submitted it so."""
        packets = self.waiting.get(handle)
        if packets is None:
            self.waiting[handle] = [packet]
        else:
            packets.append(packet)

    def offers(self) -> list[Offer]:
        """What the worker can do in this shard: each function with the packet that said so, cut up."""
        offers: list[Offer] = []
        for name, packet in self.abilities.items():
            command: int = HEADER.unpack_from(packet)[1]
            offers.append((name, (command, packet[HEADER_SIZE:].split(NUL, SEPARATORS[command]))))
        return offers

    def is_grabbing(self) -> bool:
        """Whether the peer waits for a job to work on, and not in its sleep."""
        for question in self.pending:
            if question.state == OPEN and question.is_grab():
                return True
        return False

    def may_be_given_job(self) -> bool:
        """Whether a leader may have given the peer a job already."""
        return self.shard.send is not None and self.is_grabbing()

    def runs(self) -> list[Pair]:
        """The jobs that are the peer's until a leader knows better."""
        return [*self.running.items(), *self.ending.items()]

    def waits(self) -> list[Pair]:
        """The submits whose final packets the peer waits for."""
        return [(handle, packet) for handle, packets in self.waiting.items() for packet in packets]

    def has_unsaid(self) -> bool:
        """Whether a peer that is gone left something for a leader that is not there yet."""
        return bool(self.backlog or self.pending)
