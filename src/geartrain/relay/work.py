"""Work: what a worker can do, the jobs that it asks for, and what it says of those it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geartrain.broker.assignments import NOTHING_TO_DO
from geartrain.broker.model import MOST_ABILITIES, TOO_MANY_ABILITIES
from geartrain.broker.refusals import JOB_NOT_FOUND, NO_SUCH_JOB, ability_fault
from geartrain.broker.shards import shard_of, shard_of_handle
from geartrain.protocol.commands import ERROR, GRAB_JOB
from geartrain.protocol.packet import request, response
from geartrain.relay.attachment import SLEEP
from geartrain.relay.channel import Channel, Result
from geartrain.relay.questions import GIVEN_UP, GRABS, OPEN, Question, Survey

if TYPE_CHECKING:
    from geartrain.relay.front import Front


def add_ability(front: Front, name: bytes, packet: bytes) -> None:
    """The worker can do a function."""
    fault = ability_fault(name)
    if fault:
        front.hub.notices.append(fault)
        return None
    front.connection.worker = True
    if front.hub.draining:
        return None
    if sum([len(channel.abilities) for channel in front.working]) >= MOST_ABILITIES:
        return front.answer(response(ERROR, b"TOO_MANY_ABILITIES", TOO_MANY_ABILITIES))
    channel = front.channel(shard_of(name, front.hub.shards))
    if not channel.abilities:
        front.working.append(channel)
        if front.asleep:  # first: said after the ability it would decline the NOOP that this may bring
            channel.say(SLEEP)
    channel.abilities[name] = packet
    channel.say(packet)


def retire(front: Front, channel: Channel) -> None:
    """The worker can do nothing more in a shard: where it sleeps, a grab that has no answer tells the leader otherwise.

    The leader would not hear when it wakes, and is told that it sleeps with the next function that it can do.
    """
    if front.asleep and channel.shard.send is not None:
        question = Question(front, channel, GRAB_JOB, GRABS[GRAB_JOB], False, front.hub.now, None)
        question.state = GIVEN_UP
        channel.ask(question, front.hub.now)


def grab(front: Front, command: int) -> None:
    """Ask for a job, the shards of the abilities one after the other."""
    front.asleep = False
    if front.parked:  # of whatever kind: workers tell them apart
        return front.answer(front.parked.pop(0))
    working = front.working
    if not working:
        return front.answer(NOTHING_TO_DO)
    channel, survey = (working[0], None) if len(working) == 1 else next_in_turn(front)
    question = channel.overdue
    if question is None or question.command != command or question.answers is not None:
        question = Question(front, channel, command, GRABS[command], False, front.hub.now, survey)
        channel.ask(question, front.hub.now)
    else:
        open_again(question, survey, front.hub.now)
    front.replies.questions.append(question)
    front.hub.grabs.append(question)


def open_again(question: Question, survey: Survey | None, now: float) -> None:
    """A grab that was given up is the worker's question again: its answer is on its way."""
    question.channel.overdue = None
    question.state = OPEN
    question.asked_at = now
    question.survey = survey


def next_in_turn(front: Front) -> tuple[Channel, Survey]:
    """The shard to ask for a job, another one each time, and those to ask after it.

    One that has no leader, or owes the answer to a grab, would keep the worker from the jobs of the others.
    """
    working = front.working
    working.append(working.pop(0))
    able = [channel for channel in working if channel.shard.send is not None and channel.overdue is None]
    channels = able or list(working)
    return channels[0], Survey([], None, 1, channels[1:])


def running(front: Front, handle: bytes, refusal: bytes) -> Channel | None:
    """Whose job the peer runs; else it hears why not, but for a worker, see ``Session.running``."""
    channel = front.home if front.hub.shards == 1 else channel_of(front, handle)
    if handle in channel.running:
        return channel
    if not front.connection.worker:
        front.answer(response(ERROR, JOB_NOT_FOUND, refusal))
    return None


def channel_of(front: Front, handle: bytes) -> Channel:
    """The channel to the shard of a job."""
    if front.hub.shards == 1:
        return front.home
    return front.channel(shard_of_handle(handle, front.hub.shards))


def report(front: Front, command: int, arguments: list[bytes]) -> None:
    """Pass on what a worker says of a job that goes on, or was taken from it: the leader knows whether it counts."""
    handle = arguments[0]
    if handle in front.fenced:
        return channel_of(front, handle).keep_saying(request(command, *arguments))
    channel = running(front, handle, NO_SUCH_JOB)
    if channel is not None:
        channel.keep_saying(request(command, *arguments))


def end_job(front: Front, command: int, handle: bytes, arguments: list[bytes], refusal: bytes) -> None:
    """Pass on a worker's last word on a job."""
    channel = running(front, handle, refusal)
    if channel is None:
        return end_late(front, handle, request(command, *arguments))
    status = channel.running.pop(handle)
    packet = request(command, *arguments)
    shard = channel.shard
    frame = 0
    if shard.send is None:
        channel.ending[handle] = status
    else:
        frame = shard.sent + 1
    shard.unsettled.append(Result(front, channel, handle, packet, status, frame))
    channel.keep_saying(packet)


def end_late(front: Front, handle: bytes, packet: bytes) -> None:
    """Pass on the last word on a job that was taken from the worker: its leader takes it while nobody has the job.

    A leader that comes only now does not know who had it, and drops it: the job runs again.
    """
    if handle in front.fenced:
        del front.fenced[handle]
        front.hub.count_fenced(front, handle)
        channel_of(front, handle).keep_saying(packet)
