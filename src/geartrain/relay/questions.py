"""Questions: what a peer asked; it hears the answers in the order in which it asked, whoever gave them first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from geartrain.broker.assignments import NOTHING_TO_DO
from geartrain.broker.deeds import Deed
from geartrain.protocol.commands import (
    ERROR,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    GRAB_JOB_UNIQ,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    SUBMIT_JOB_EXTENDED,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW_BG,
    SUBMIT_JOB_SCHED,
    SUBMIT_REDUCE_JOB_BACKGROUND,
)
from geartrain.protocol.packet import request, response

if TYPE_CHECKING:
    from geartrain.relay.channel import Channel
    from geartrain.relay.front import Front

Merge = Callable[[list[bytes], list[bytes]], bytes]
"""Makes one answer of those to a line, whose words come first."""

TEXT: Final = 0  # stands for a text line among the packet types
NO_LEADER: Final = response(ERROR, b"QUEUE_ERROR", b"the pool has no leader for this function")
NO_LEADER_LINE: Final = b"ERR QUEUE_ERROR the+pool+has+no+leader+for+this+function\r\n"

GRABS: Final = {
    command: request(command) for command in (GRAB_JOB, GRAB_JOB_UNIQ, GRAB_JOB_ALL, GRAB_JOB_EXTENDED)
}
SUBMITS_TO_LEAVE: Final = frozenset(
    (
        SUBMIT_JOB_BG,
        SUBMIT_JOB_HIGH_BG,
        SUBMIT_JOB_LOW_BG,
        SUBMIT_JOB_EPOCH,
        SUBMIT_JOB_SCHED,
        SUBMIT_REDUCE_JOB_BACKGROUND,
        SUBMIT_JOB_EXTENDED,
    )
)
"""Those that hold when their client has gone; but for a foreground one."""

OPEN: Final = 0  # no answer yet
ANSWERED: Final = 1
GIVEN_UP: Final = 2  # the peer was answered without a leader; what the leader says will be swallowed


class Question:
    """Something that a peer asked of a leader, until the leader has answered, or that it has not heard yet."""

    __slots__ = (
        "answers",
        "asked_at",
        "channel",
        "command",
        "deed",
        "front",
        "packet",
        "state",
        "survey",
        "waits",
    )

    def __init__(
        self,
        front: Front,
        channel: Channel,
        command: int,
        packet: bytes,
        waits: bool,
        asked_at: float,
        survey: Survey | None,
    ) -> None:
        self.front = front
        self.channel = channel  # who is asked, or gave the answer
        self.command = command  # the packet's type, or TEXT
        self.packet = packet
        self.waits = waits  # a submit whose client waits for the job
        self.asked_at = asked_at
        self.survey = survey  # None where one shard is asked
        self.state = OPEN
        self.deed: Deed | None = None  # what the audit log tells when it is answered
        # What the peer hears in its turn, and what came behind that; None while there is no answer, and where the
        # answer did not have to wait for its turn.
        self.answers: list[bytes] | None = None

    def is_grab(self) -> bool:
        """Whether a worker wants a job."""
        return self.command in GRABS

    def outlives_its_peer(self) -> bool:
        """Whether it is asked even when the peer is gone."""
        return self.state == OPEN and self.command in SUBMITS_TO_LEAVE and not self.waits

    def without_leader(self) -> bytes:
        """The answer when there is nobody to give one."""
        if self.is_grab():
            return NOTHING_TO_DO
        return NO_LEADER_LINE if self.command == TEXT else NO_LEADER


class Survey:
    """A question for several shards: all of them at once, or one after the other until one can say."""

    __slots__ = ("answers", "asked", "merge", "rest", "words")

    def __init__(self, words: list[bytes], merge: Merge | None, asked: int, rest: list[Channel]) -> None:
        self.words = words  # of a text line; none for a packet
        self.merge = merge  # makes one answer of all; None where they are asked one after the other
        self.asked = asked  # how many are asked at once
        self.rest = rest  # those that were not asked yet
        self.answers: dict[int, bytes] = {}  # by shard

    def merged(self) -> bytes:
        """The answer of all."""
        answers = [self.answers[shard] for shard in sorted(self.answers)]
        return answers[0] if self.merge is None else self.merge(self.words, answers)
