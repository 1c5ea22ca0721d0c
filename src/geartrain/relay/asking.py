"""Asking: the jobs, questions and text lines of a peer, on their way to the leaders whom they concern."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from geartrain.broker import refusals
from geartrain.broker.admin import COMMANDS, unknown, words_of
from geartrain.broker.answers import json_lines
from geartrain.broker.arguments import without_nul
from geartrain.broker.deeds import line_deed
from geartrain.broker.rights import need_of
from geartrain.broker.shards import shard_of, shard_of_handle
from geartrain.protocol.packet import request
from geartrain.relay import texts
from geartrain.relay.channel import Channel
from geartrain.relay.link_words import GREETING
from geartrain.relay.questions import TEXT, Merge, Question, Survey

if TYPE_CHECKING:
    from geartrain.relay.front import Front

POOL: Final = b"pool"


def submit(front: Front, command: int, arguments: list[bytes], waits: bool) -> None:
    """Ask the leader of the function's shard to take a job."""
    hub = front.hub
    if hub.draining:
        return front.answer(refusals.REFUSED_AT_THE_END)
    channel = front.home if hub.shards == 1 else front.channel(shard_of(arguments[0], hub.shards))
    question = Question(front, channel, command, request(command, *arguments), waits, hub.now, None)
    front.replies.questions.append(question)
    channel.ask(question, hub.now)


def ask_about(front: Front, command: int, arguments: list[bytes]) -> None:
    """Ask the leader who has the job of a handle."""
    channel = front.channel(shard_of_handle(without_nul(arguments[0]), front.hub.shards))
    ask(front, command, request(command, *arguments), [], [channel], None)


def ask_all(front: Front, command: int, packet: bytes, merge: Merge) -> None:
    """Ask the leaders of all shards."""
    channels = [front.channel(shard) for shard in range(front.hub.shards)]
    ask(front, command, packet, [], channels, merge)


def text_line(front: Front, line: bytes) -> None:
    """A line of the text protocol, for the shards that it concerns."""
    words = words_of(line)
    verb = words[0].lower()
    hub = front.hub
    if verb == GREETING:
        return hub.greeted.append((front, line))
    if verb == POOL:
        return front.answer(json_lines(hub.about()))
    if verb not in COMMANDS:
        return front.answer(unknown(words[0]))
    if verb in texts.HERE:
        answer = COMMANDS[verb](hub.here, words)
        return front.answer(answer if isinstance(answer, bytes) else unknown(words[0]))  # none is a list
    # What has a CR before the one of its end must keep it.
    packet = line + (b"\r\n" if line.endswith(b"\r") else b"\n")
    plan = texts.plan(words, hub.shards)
    ask(front, TEXT, packet, words, [front.channel(shard) for shard in plan.shards], plan.merge)
    if need_of(words).changes:
        front.replies.questions[-1].deed = line_deed(front.connection, words, "")


def ask(
    front: Front,
    command: int,
    packet: bytes,
    words: list[bytes],
    channels: list[Channel],
    merge: Merge | None,
) -> None:
    """Ask all of the shards, or without ``merge`` one after the other, until one can say."""
    now = front.hub.now
    asked = channels if merge is not None else channels[:1]
    survey = None
    if len(channels) > 1:
        survey = Survey(words, merge, len(asked), channels[len(asked) :])
    question = Question(front, channels[0], command, packet, False, now, survey)
    front.replies.questions.append(question)
    for channel in asked:
        channel.ask(question, now)
