"""Hearing: what leaders say to a peer, and what it means for what its front knows."""

from __future__ import annotations

from typing import Final

from geartrain.broker.refusals import JOB_NOT_FOUND
from geartrain.broker.sleepers import WAKE_UP
from geartrain.protocol.commands import (
    ERROR,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_EXTENDED,
    JOB_ASSIGN_UNIQ,
    JOB_CANCELLED,
    JOB_CREATED,
    NOOP,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import HEADER_SIZE, NUL
from geartrain.relay import texts
from geartrain.relay.channel import Channel
from geartrain.relay.front import Front
from geartrain.relay.questions import ANSWERED, GIVEN_UP, OPEN, TEXT, Question, Survey

TYPE: Final = 7  # where a packet has the last byte of its type, which is the only one that is not 0

MOST_FENCED: Final = 1000  # jobs of a peer whose late results are waited for

ANSWER: Final = 0
PROGRESS: Final = 1
RESULT: Final = 2
WAKING: Final = 3
REVOCATION: Final = 4


def kinds() -> list[int]:
    """What packets are to a front, by their types."""
    table = [ANSWER] * 256  # of a newer leader there may be types that we do not know
    for command in (WORK_DATA, WORK_WARNING, WORK_STATUS):
        table[command] = PROGRESS
    for command in (WORK_COMPLETE, WORK_FAIL, WORK_EXCEPTION):
        table[command] = RESULT
    table[NOOP] = WAKING
    table[JOB_CANCELLED] = REVOCATION
    return table


KINDS: Final = kinds()
ASSIGNMENTS: Final = frozenset((JOB_ASSIGN, JOB_ASSIGN_UNIQ, JOB_ASSIGN_ALL, JOB_ASSIGN_EXTENDED))
NOT_AN_ANSWER: Final = JOB_NOT_FOUND + NUL


def hear(front: Front, channel: Channel, parts: list[bytes]) -> None:
    """Take what a leader says: packets and answers to text lines."""
    for part in parts:
        command = TEXT if part[0] else part[TYPE]
        kind = KINDS[command]
        if kind == ANSWER:
            hear_answer(front, channel, command, part)
        elif kind == WAKING:
            if front.asleep:
                front.asleep = False
                front.replies.tell(channel, part)
        elif kind == REVOCATION:
            hear_revocation(front, channel, part)
        else:
            hear_of_job(front, channel, kind, part)
    if front.loaded:
        front.flush()


def hear_answer(front: Front, channel: Channel, command: int, part: bytes) -> None:
    """The answer to the oldest question that the shard has not answered."""
    # An ERROR for a worker's packet on a job that it lost: a session without abilities does not know it for a worker.
    if not channel.pending or (command == ERROR and part.startswith(NOT_AN_ANSWER, HEADER_SIZE)):
        return
    question = channel.pending.popleft()
    if command in ASSIGNMENTS:
        begin_job(front, channel, part)
    if question.state != OPEN:
        hear_late_answer(front, channel, question, command, part)
    elif question.survey is not None:
        hear_survey(front, channel, question, question.survey, part)
    else:
        if command == JOB_CREATED and question.waits:
            channel.expect(part[HEADER_SIZE:], question.packet)
        front.replies.settle(question, part, ANSWERED)


def hear_late_answer(front: Front, channel: Channel, question: Question, command: int, part: bytes) -> None:
    """The answer to what was given up: a job is kept for the worker's next grab."""
    if channel.overdue is question:
        channel.overdue = None
    if command not in ASSIGNMENTS:
        return
    front.parked.append(part)
    if front.asleep:
        front.asleep = False
        front.replies.tell(channel, WAKE_UP)


def hear_survey(front: Front, channel: Channel, question: Question, survey: Survey, part: bytes) -> None:
    """One shard's answer to what several are asked."""
    if survey.merge is not None:
        survey.answers[channel.shard.number] = part
        if len(survey.answers) == survey.asked:
            front.replies.settle(question, survey.merged(), ANSWERED)
        return
    if texts.cannot_say(part) and ask_next(front, question, survey):
        return
    front.replies.settle(question, part, ANSWERED)
    if texts.is_addition(survey.words, part):
        remove_elsewhere(front, survey)


def ask_next(front: Front, question: Question, survey: Survey) -> bool:
    """Ask the next shard; False when there is none. A grab does not wait for one without a leader."""
    while survey.rest:
        channel = survey.rest.pop(0)
        if channel.shard.send is not None or not question.is_grab():
            question.channel = channel
            channel.ask(question, front.hub.now)
            return True
    return False


def remove_elsewhere(front: Front, survey: Survey) -> None:
    """A schedule was added that may have been in another shard, with another function; the peer need not hear of it."""
    line = texts.REMOVE + b" " + survey.words[1] + b"\n"
    for channel in survey.rest:
        question = Question(front, channel, TEXT, line, False, front.hub.now, None)
        question.state = GIVEN_UP
        channel.ask(question, front.hub.now)


def hear_of_job(front: Front, channel: Channel, kind: int, part: bytes) -> None:
    """What a worker said of a job that the peer waits for, or waited for until its final packet."""
    handle = handle_of(part)
    packets = channel.waiting.get(handle)
    if packets is None:
        return
    if kind == RESULT:
        packets.pop()
        if not packets:
            del channel.waiting[handle]
    front.replies.tell(channel, part)


def begin_job(front: Front, channel: Channel, part: bytes) -> None:
    """The peer, a worker, has a job."""
    handle = handle_of(part)
    channel.running[handle] = b""
    if front.fenced:
        front.fenced.pop(handle, None)


def hear_revocation(front: Front, channel: Channel, part: bytes) -> None:
    """A worker with the extension is told that a job is not its own any more."""
    handle = handle_of(part)
    if handle in channel.running and disown(front, channel, handle):
        front.replies.tell(channel, part)


def fence(front: Front, channel: Channel, handles: list[bytes]) -> None:
    """The peer does not run these jobs: what it says of them is dropped, and its results are counted."""
    for handle in handles:
        if handle in channel.running:
            disown(front, channel, handle)
        elif handle not in front.fenced:  # its result is on its way already
            count_late(front, channel, handle)


def end(front: Front, channel: Channel, handles: list[bytes]) -> None:
    """The peer's jobs are over without it: what it still says of them is dropped, and its results are counted.

    The last leader may have kept a result that was said to it. One that no leader was told before comes too late:
    another worker had the job, or nobody waits for it.
    """
    for handle in handles:
        result = channel.shard.again.get((front.number, handle))
        if handle in channel.running:
            disown(front, channel, handle)
        elif handle not in front.fenced and (result is None or not result.told):
            count_late(front, channel, handle)


def count_late(front: Front, channel: Channel, handle: bytes) -> None:
    """Count a result that was said and is refused, once, however many leaders refuse it."""
    result = channel.shard.again.get((front.number, handle))
    if result is None:
        return front.hub.count_fenced(front, handle)
    if not result.refused:
        result.refused = True
        front.hub.count_fenced(front, handle)


def disown(front: Front, channel: Channel, handle: bytes) -> bool:
    """The peer does not run a job any more; whether it ever knew of the job, which may be parked."""
    del channel.running[handle]
    for part in front.parked:
        if handle_of(part) == handle:
            front.parked.remove(part)
            return False
    front.fenced[handle] = None
    if len(front.fenced) > MOST_FENCED:  # of workers that say nothing more of such jobs
        del front.fenced[next(iter(front.fenced))]
    return True


def handle_of(part: bytes) -> bytes:
    """The handle that a packet of a job begins with."""
    end = part.find(NUL, HEADER_SIZE)
    return part[HEADER_SIZE:] if end < 0 else part[HEADER_SIZE:end]
