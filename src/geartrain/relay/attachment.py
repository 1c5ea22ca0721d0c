"""Attachment: how a leader learns of a peer, a new one and one that has dealt with other leaders before."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from geartrain.protocol.commands import PRE_SLEEP
from geartrain.protocol.packet import request
from geartrain.relay.channel import Channel, Send
from geartrain.relay.frames import ATTACH, DETACH, PACKETS
from geartrain.relay.questions import ANSWERED, OPEN
from geartrain.relay.state import PeerState, state_bytes

if TYPE_CHECKING:
    from geartrain.relay.front import Front

SLEEP: Final = request(PRE_SLEEP)


def attach(front: Front, channel: Channel, send: Send) -> None:
    """Tell a leader all that it has to know of the peer."""
    said = [*front.options.values()]
    if front.name:
        said.append(front.name)
    said += channel.abilities.values()
    # A grab that is asked again would wake it: it goes to sleep behind that.
    if front.asleep and channel.abilities and not channel.is_grabbing():
        said.append(SLEEP)
    state = PeerState(
        front.connection.host,
        b"".join(said),
        channel.runs(),
        channel.waits(),
        front.draining,
        access_said(front),
    )
    send(ATTACH, channel.shard.number, front.number, state_bytes(state))


def access_said(front: Front) -> bytes:
    """What the peer may do, as leaders are told; empty where no rules apply to it."""
    return b"" if front.badge is None else front.badge.access.said


def resume(front: Front, channel: Channel, send: Send) -> None:
    """Tell a new leader what the peer said while there was none, and ask again what the last one has not answered."""
    channel.pending = deque([question for question in channel.pending if question.state == OPEN])
    channel.overdue = None
    said = channel.backlog + [question.packet for question in channel.pending]
    if front.asleep and channel.is_grabbing():
        said.append(SLEEP)
    channel.backlog = []
    channel.ending.clear()
    if said:
        channel.shard.sent += 1
        send(PACKETS, channel.shard.number, front.number, b"".join(said))


def leave(front: Front) -> None:
    """The peer is gone: leaders forget it, but for one that is still to come and to hear what the peer said."""
    front.gone = True
    for question in front.replies.questions:
        if question.state == OPEN and not question.outlives_its_peer():
            question.state = ANSWERED
    for number, channel in list(front.channels.items()):
        channel.abilities.clear()
        channel.running.clear()
        channel.waiting.clear()
        send = channel.shard.send
        if send is not None:
            send(DETACH, number, front.number, b"")
            channel.pending.clear()
        else:
            channel.pending = deque([question for question in channel.pending if question.state == OPEN])
        if not channel.has_unsaid():
            del front.channels[number]


def detach(front: Front, channel: Channel, send: Send) -> None:
    """The peer was gone before this leader came, and has said all."""
    send(DETACH, channel.shard.number, front.number, b"")
    del front.channels[channel.shard.number]
