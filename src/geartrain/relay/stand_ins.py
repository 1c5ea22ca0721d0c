"""Stand-ins: clients that wait for a job of another handle, as it has taken the place of theirs.

While a front is silent, the jobs for which only its clients wait are forgotten, and equal ones may be submitted. When
those clients wait again, they have to hear of the new job what they would have heard of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from geartrain.broker.broker import Broker
from geartrain.broker.model import Connection, Job
from geartrain.protocol.packet import HEADER, HEADER_SIZE, NUL

if TYPE_CHECKING:
    from geartrain.relay.seat import Guest


class StandIn:
    """Waits for a job instead of a guest who knows it under another handle."""

    __slots__ = ("connection", "guest", "handle")

    def __init__(self, broker: Broker, guest: Guest, handle: bytes, job: Job) -> None:
        self.guest = guest
        self.handle = handle  # as the guest knows it
        known = guest.connection
        self.connection = Connection(known.number, known.host, known.exceptions, broker.dirty)
        self.connection.extended = known.extended
        broker.join(job, self.connection)

    def is_done(self) -> bool:
        """Whether nothing more is to come."""
        return not self.connection.waiting

    def leave(self, broker: Broker) -> None:
        """The guest does not wait any more."""
        self.connection.outgoing.clear()
        for job in list(self.connection.waiting):
            broker.leave(self.connection, job)

    def heard(self, parts: list[bytes]) -> list[bytes]:
        """What the guest hears instead of some packets."""
        return [renamed(part, self.handle) for part in parts]


def renamed(packet: bytes, handle: bytes) -> bytes:
    """A packet with another handle as its first argument."""
    magic, command, _ = HEADER.unpack_from(packet)
    end = packet.find(NUL, HEADER_SIZE)
    payload = handle + (b"" if end < 0 else packet[end:])
    return HEADER.pack(magic, command, len(payload)) + payload
