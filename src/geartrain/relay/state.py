"""PeerState: a peer as its front describes it to a leader that does not know it yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from geartrain.relay.frames import pack_parts, parts_of

Pair = tuple[bytes, bytes]


class PeerState(NamedTuple):
    """What a leader has to know of a peer, old or new."""

    host: bytes  # its address, as ``workers`` shows it
    said: bytes = b""  # packets that tell who it is and what it can do; PRE_SLEEP last, if it sleeps
    running: Sequence[Pair] = ()  # handles, each with the last WORK_STATUS packet or nothing
    waiting: Sequence[Pair] = ()  # handles, each with the packet that submitted it: one entry a submit
    draining: bool = False  # it gets no new jobs
    access: bytes = b""  # what it may do, in JSON; empty where no rules apply to it


def state_bytes(state: PeerState) -> bytes:
    """A state as the body of a frame."""
    running = [part for pair in state.running for part in pair]
    waiting = [part for pair in state.waiting for part in pair]
    draining = b"1" if state.draining else b""
    return pack_parts(
        [state.host, state.said, pack_parts(running), pack_parts(waiting), draining, state.access]
    )


def state_of(body: bytes) -> PeerState:
    """The state of a body; raises ValueError where it is none."""
    parts = parts_of(body)
    if len(parts) < 4:
        raise ValueError(f"a peer's state of {len(parts)} parts, 4 are expected")
    draining = len(parts) > 4 and parts[4] != b""
    access = parts[5] if len(parts) > 5 else b""  # a server that knows of no rules does not say
    return PeerState(parts[0], parts[1], pairs(parts[2]), pairs(parts[3]), draining, access)


def pairs(body: bytes) -> list[Pair]:
    """The parts of a body, two by two."""
    parts = parts_of(body)
    if len(parts) % 2:
        raise ValueError(f"{len(parts)} parts, an even number is expected")
    return list(zip(parts[::2], parts[1::2], strict=True))
