"""Frames: what a front and a leader say to each other, over a link or within one process."""

from __future__ import annotations

import struct
from typing import Final

Frame = tuple[int, int, int, bytes]  # kind, shard, number of the peer at its front (0: no peer's), body

# From a front to a leader
ATTACH: Final = 1  # here is a peer; its body is a PeerState
PACKETS: Final = 2  # what the peer says: packets and text lines, one after another
SAID: Final = 3  # packets that tell who it is, to be done without an answer
DETACH: Final = 4  # the peer is gone
READY: Final = 5  # every peer of the front is attached; how many frames of PACKETS and READY it has sent
DRAIN: Final = 6  # the peer is to get no new jobs; without a body: to get them again
ACCESS: Final = 7  # what the peer may do from now on, in JSON; nothing where no rules apply to it

# From a leader to a front
REPLIES: Final = 16  # parts, each a packet or the whole answer to a text line
FENCED: Final = 17  # parts: handles of jobs that the peer does not run, or not any more
CLOSED: Final = 18  # two parts, code and text: the connection has to end, with an ERROR where there is a code
GONE: Final = 19  # the sender does not lead the shard any more, or did not at a READY, whose body it has
SETTLED: Final = 20  # so many frames of PACKETS and READY need not be said to another leader
OVER: Final = 21  # parts: handles of jobs that the peer would run, and of which a new leader knows nothing
DRAINED: Final = 22  # one part, empty where the peer is to get jobs again: somebody wants it drained

LONGEST: Final = 1024 * 1024 * 1024  # bytes of a body
HEAD: Final = struct.Struct(">IBHI")  # length of the body, kind, shard, number
LENGTH: Final = struct.Struct(">I")
COUNT: Final = struct.Struct(">Q")  # of frames, as READY and SETTLED say it


def frame(kind: int, shard: int, number: int, body: bytes = b"") -> bytes:
    """A frame as it travels."""
    return HEAD.pack(len(body), kind, shard, number) + body


def count_of(body: bytes) -> int:
    """How many frames a body says; raises ValueError where it says no number."""
    if len(body) != COUNT.size:
        raise ValueError(f"a count of {len(body)} bytes, {COUNT.size} are expected")
    count: int = COUNT.unpack(body)[0]
    return count


def pack_parts(parts: list[bytes]) -> bytes:
    """Several byte strings as one body."""
    packed: list[bytes] = []
    for part in parts:
        packed.append(LENGTH.pack(len(part)))
        packed.append(part)
    return b"".join(packed)


def parts_of(body: bytes) -> list[bytes]:
    """The byte strings of a body; raises ValueError where it is none of ``pack_parts``."""
    parts: list[bytes] = []
    start = 0
    end = len(body)
    while start < end:
        if end - start < LENGTH.size:
            raise ValueError(f"{end - start} bytes where a length of {LENGTH.size} is expected")
        length: int = LENGTH.unpack_from(body, start)[0]
        start += LENGTH.size
        if length > end - start:
            raise ValueError(f"a part of {length} bytes where {end - start} are left")
        parts.append(body[start : start + length])
        start += length
    return parts


class FrameStream:
    """Cut a byte stream into frames, however it comes in chunks; raises ValueError for one that is too long."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []  # the beginning of a frame that is not whole yet
        self.missing = 0  # bytes to wait for before the parts are worth a look

    def receive(self, chunk: bytes) -> list[Frame]:
        """The frames that are whole with this chunk."""
        if self.parts:
            self.parts.append(chunk)
            self.missing -= len(chunk)
            if self.missing > 0:
                return []
            chunk = b"".join(self.parts)
            self.parts = []
        frames: list[Frame] = []
        start = 0
        end = len(chunk)
        length: int
        kind: int
        shard: int
        number: int
        while start < end:
            if end - start < HEAD.size:
                self.missing = HEAD.size - (end - start)
                break
            length, kind, shard, number = HEAD.unpack_from(chunk, start)
            if length > LONGEST:
                raise ValueError(f"a frame of {length} bytes, at most {LONGEST} are expected")
            body = start + HEAD.size
            if length > end - body:
                self.missing = length - (end - body)
                break
            start = body + length
            frames.append((kind, shard, number, chunk[body:start]))
        if start < end:
            self.parts = [chunk[start:]]
        return frames
