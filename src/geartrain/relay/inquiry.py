"""Inquiry: which of the jobs that peers of a server wait for run. A server that stops waits for those alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from geartrain.broker.deadlines import NEVER
from geartrain.protocol.commands import STATUS_RES
from geartrain.protocol.packet import HEADER, HEADER_SIZE, NUL
from geartrain.relay.front import Front

PERIOD: Final = 0.25  # seconds between two rounds of questions


class Inquiry:
    """Asks the leaders again and again, as a peer of its own; ``fronts`` are all peers of the server."""

    def __init__(self, front: Front, fronts: Mapping[int, Front]) -> None:
        self.front = front  # no socket is told what it hears
        self.fronts = fronts
        self.asked = False  # whether answers are to come
        self.ask_at = -NEVER  # when to ask again, by monotonic time
        self.awaited = True  # whether somebody waits for a job that runs, or may run as far as we know

    def go_on(self, now: float) -> None:
        """Take the answers, or ask once more when it is time."""
        if self.asked and not self.front.replies.questions:
            self.conclude(now)
        if not self.asked and now >= self.ask_at:
            self.ask()

    def ask(self) -> None:
        """Ask for each job that some peer waits for."""
        handles = {
            handle: None
            for front in self.fronts.values()
            for channel in front.channels.values()
            for handle in channel.waiting
        }
        if not handles:
            self.awaited = False
            return
        self.asked = True
        for handle in handles:
            self.front.get_status([handle])
        self.front.flush()

    def conclude(self, now: float) -> None:
        """All answers have come."""
        outgoing = self.front.connection.outgoing
        self.awaited = bool([packet for packet in outgoing if may_run(packet)])
        outgoing.clear()
        self.asked = False
        self.ask_at = now + PERIOD

    def wait(self, now: float) -> float:
        """How many seconds may pass until ``go_on``."""
        if self.asked or not self.awaited:
            return NEVER
        return max(self.ask_at - now, 0.0)


def may_run(packet: bytes) -> bool:
    """Whether an answer is that a job runs, or no answer, as there is no leader."""
    if HEADER.unpack_from(packet)[1] != STATUS_RES:
        return True
    return packet[HEADER_SIZE:].split(NUL)[2] == b"1"
