"""Exchange: where frames go, to the hub of this server or to the links of others."""

from __future__ import annotations

from geartrain.relay.frames import (
    CLOSED,
    DRAINED,
    FENCED,
    GONE,
    OVER,
    REPLIES,
    SETTLED,
    Frame,
    count_of,
    frame,
    pack_parts,
    parts_of,
)
from geartrain.relay.hub import Hub
from geartrain.relay.seat import Seat


class Outbox:
    """Frames for another server, until its link is written to."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def send(self, kind: int, shard: int, number: int, body: bytes) -> None:
        """A frame to a leader."""
        self.frames.append(frame(kind, shard, number, body))

    def take_all(self) -> bytes:
        """Everything to write now."""
        frames = b"".join(self.frames)
        self.frames.clear()
        return frames


class Doorway:
    """The way from this server's hub to a leader that is this server."""

    def __init__(self, me: str, seat: Seat) -> None:
        self.me = me
        self.seat = seat

    def send(self, kind: int, shard: int, number: int, body: bytes) -> None:
        """A frame to the leader."""
        self.seat.take(self.me, kind, number, body)


class Exchange:
    """The way from leaders to fronts."""

    def __init__(self, me: str, hub: Hub) -> None:
        self.me = me  # this server's id
        self.hub = hub
        self.outboxes: dict[str, Outbox] = {}  # of the links from other fronts, by server
        self.seats: dict[int, Seat] = {}  # of the shards that this server leads
        self.refused: set[tuple[str, int]] = set()  # fronts that have to attach all peers of a shard anew

    def take(self, server: str, frames: list[Frame]) -> list[Frame]:
        """What another front says to leaders here; those frames are given back for which there is none."""
        left: list[Frame] = []
        for each in frames:
            kind, shard, number, body = each
            seat = self.seats.get(shard)
            if seat is None or (self.refused and (server, shard) in self.refused):
                left.append(each)
            else:
                seat.take(server, kind, number, body)
        return left

    def hear_all(self, frames: list[Frame], led: set[int]) -> list[int]:
        """What a server that leads some shards tells this one's front; those that it does not lead any more.

        What it says of others, such as those that it led until it was frozen, answers nothing that was asked since.
        """
        gone: list[int] = []
        for kind, shard, number, body in frames:
            if shard not in led:
                continue
            if kind == GONE:
                if not body or count_of(body) == self.hub.sides[shard].ready:
                    gone.append(shard)
            else:
                self.hear(kind, shard, number, parts_of(body))
        return gone

    def tell(self, server: str, kind: int, shard: int, number: int, parts: list[bytes]) -> None:
        """A frame from a leader here to a front, this server's own or another's; nothing where there is no link."""
        if server == self.me:
            return self.hear(kind, shard, number, parts)
        outbox = self.outboxes.get(server)
        if outbox is not None:
            outbox.frames.append(frame(kind, shard, number, pack_parts(parts)))

    def hear(self, kind: int, shard: int, number: int, parts: list[bytes]) -> None:
        """What a leader tells this server's front; raises ValueError where it cannot be read."""
        if kind == REPLIES:
            self.hub.hear(shard, number, parts)
        elif kind == FENCED:
            self.hub.fence(shard, number, parts)
        elif kind == OVER:
            self.hub.end(shard, number, parts)
        elif kind == DRAINED and len(parts) == 1:
            self.hub.drain_peer(number, bool(parts[0]))
        elif kind == CLOSED and len(parts) == 2:
            self.hub.close(shard, number, parts[0], parts[1])
        elif kind == SETTLED and len(parts) == 1:
            self.hub.settle(shard, count_of(parts[0]))
        else:
            raise ValueError(f"a frame of kind {kind} with {len(parts)} parts")
