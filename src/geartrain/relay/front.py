"""Front: a peer at its own server, whose jobs are somewhere in the pool; one method for each packet it may send.

What a peer asks becomes a question for the leader of the shard, and answers leave in the order of the questions. What
a leader has to know of the peer is kept as long as it holds, so that another leader can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from geartrain.broker import refusals
from geartrain.broker.access import Badge
from geartrain.broker.arguments import without_nul
from geartrain.broker.model import Connection
from geartrain.broker.refusals import NO_SUCH_EXCEPTION, NO_SUCH_RESULT, NO_SUCH_RETRY
from geartrain.broker.shards import shard_of
from geartrain.broker.sleepers import WAKE_UP
from geartrain.broker.submit_options import submit_options
from geartrain.errors import ProtocolError, SettingsError
from geartrain.protocol import commands
from geartrain.protocol.commands import ECHO_RES, ERROR, EXTENSION_OPTION, OPTION_RES, SEPARATORS
from geartrain.protocol.packet import REQUEST, PacketStream, completed, request, response
from geartrain.relay import texts
from geartrain.relay.asking import ask_about, ask_all, submit, text_line
from geartrain.relay.attachment import SLEEP, attach
from geartrain.relay.channel import Channel, Shard
from geartrain.relay.frames import SAID
from geartrain.relay.questions import ANSWERED, TEXT, Question
from geartrain.relay.replies import Replies
from geartrain.relay.work import add_ability, end_job, grab, report, retire, running

if TYPE_CHECKING:
    from geartrain.relay.hub import Hub


class Front:
    """What a peer says, passed on or answered here; the answers are left in ``connection.outgoing``.

    Of the connection it uses who the peer is and what it has asked to hear; its jobs are in the channels.
    """

    def __init__(self, hub: Hub, number: int, connection: Connection) -> None:
        self.hub = hub
        self.number = number  # names the peer to leaders; no other peer of the hub has or had it
        self.connection = connection
        self.stream = PacketStream[Front](
            REQUEST, REQUESTS, Front.misdirected, Front.short, text_line, hub.payload_limit
        )
        self.stream.too_large = Front.too_large
        self.replies = Replies(connection)
        self.badge: Badge | None = None  # None where no rules apply, see ``guard.py``
        self.reason = ""  # why it ends
        self.gone = False  # the peer has left
        self.channels: dict[int, Channel] = {}  # by shard
        self.working: list[Channel] = []  # those with abilities, in the order in which they are asked
        self.loaded: list[Channel] = []  # those with something to send when the chunk is read
        self.options: dict[bytes, bytes] = {}  # OPTION_REQ packets by option
        self.name = b""  # the SET_CLIENT_ID packet; empty where the peer has sent none
        self.asleep = False  # it said PRE_SLEEP, and nothing has woken it
        self.draining = False  # it gets no new jobs, as an operator wants
        self.parked: list[bytes] = []  # JOB_ASSIGN packets that came when their grabs had been given up
        self.fenced: dict[bytes, None] = {}  # handles of jobs it may believe to run and does not
        self.home = self.open(hub.sides[number % hub.shards])  # where it is listed, whatever it does

    def receive(self, chunk: bytes) -> None:
        """Take the next bytes; raise ProtocolError where the connection must end.

        If the peer has answers to come, it gets them first, and is then among the hub's ``ended``.
        """
        if self.replies.last is not None:
            return
        try:
            self.stream.receive(self, chunk)
        except ProtocolError as error:
            self.flush()
            if not self.is_owed():
                raise
            self.end_later(error)
        if self.loaded:
            self.flush()

    def end_later(self, error: ProtocolError) -> None:
        """End the connection when the peer has heard the answers to what it said before its error."""
        self.reason = str(error)
        refusal = [response(ERROR, error.refusal.encode(), self.reason.encode())] if error.refusal else []
        self.replies.last = self.answer_later(refusal)

    # What is not a request

    def misdirected(self, arguments: list[bytes]) -> None:
        """A packet with the magic of an answer."""
        self.answer(refusals.WRONG_MAGIC)

    def unexpected(self, arguments: list[bytes]) -> None:
        """A packet type that only a server sends, or nobody."""
        self.answer(refusals.NOT_EXPECTED)

    def short(self, command: int, arguments: list[bytes]) -> None:
        """A packet with fewer arguments than its type has; a worker's are taken as empty, see ``Session.short``."""
        if command in refusals.WORKER_COMMANDS:
            return self.stream.handlers[command](self, completed(command, arguments))
        self.answer(refusals.too_short(command, arguments))

    def too_large(self, handle: bytes, error: bytes) -> None:
        """A packet about a job is over the limit: its leader ends the job."""
        self.work_too_large([handle, error])

    # Requests

    def can_do(self, arguments: list[bytes]) -> None:
        add_ability(self, without_nul(arguments[0]), request(commands.CAN_DO, *arguments))

    def cant_do(self, arguments: list[bytes]) -> None:
        name = without_nul(arguments[0])
        channel = self.channels.get(shard_of(name, self.hub.shards))
        if channel is None or channel.abilities.pop(name, None) is None:
            return
        channel.say(request(commands.CANT_DO, name))
        if not channel.abilities:
            self.working.remove(channel)
            retire(self, channel)

    def reset_abilities(self, arguments: list[bytes]) -> None:
        for channel in self.working:
            channel.abilities.clear()
            channel.say(request(commands.RESET_ABILITIES))
            retire(self, channel)
        self.working.clear()

    def pre_sleep(self, arguments: list[bytes]) -> None:
        if self.parked:
            return self.answer(WAKE_UP)
        self.asleep = True
        for channel in self.working:
            channel.say(SLEEP)

    def submit_job(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB, arguments, True)

    def grab_job(self, arguments: list[bytes]) -> None:
        grab(self, commands.GRAB_JOB)

    def work_status(self, arguments: list[bytes]) -> None:
        channel = running(self, arguments[0], NO_SUCH_RESULT)
        if channel is None:
            return
        packet = request(commands.WORK_STATUS, *arguments)
        channel.running[arguments[0]] = packet
        channel.say(packet)

    def work_complete(self, arguments: list[bytes]) -> None:
        end_job(self, commands.WORK_COMPLETE, arguments[0], arguments, NO_SUCH_RESULT)

    def work_fail(self, arguments: list[bytes]) -> None:
        end_job(self, commands.WORK_FAIL, without_nul(arguments[0]), arguments, NO_SUCH_RESULT)

    def get_status(self, arguments: list[bytes]) -> None:
        ask_about(self, commands.GET_STATUS, arguments)

    def echo_req(self, arguments: list[bytes]) -> None:
        self.answer(response(ECHO_RES, arguments[0]))

    def submit_job_bg(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_BG, arguments, False)

    def submit_job_high(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_HIGH, arguments, True)

    def set_client_id(self, arguments: list[bytes]) -> None:
        if len(arguments[0]) > refusals.LONGEST_CLIENT_ID:
            size = len(arguments[0])
            return self.answer(refusals.too_long("client id", size, refusals.LONGEST_CLIENT_ID))
        self.name = request(commands.SET_CLIENT_ID, *arguments)
        self.tell_leaders(SAID, self.name)

    def can_do_timeout(self, arguments: list[bytes]) -> None:
        add_ability(self, arguments[0], request(commands.CAN_DO_TIMEOUT, *arguments))

    def all_yours(self, arguments: list[bytes]) -> None:
        """Accepted and of no meaning, as in ``Session``."""

    def work_exception(self, arguments: list[bytes]) -> None:
        end_job(self, commands.WORK_EXCEPTION, arguments[0], arguments, NO_SUCH_EXCEPTION)

    def option_req(self, arguments: list[bytes]) -> None:
        option = without_nul(arguments[0])
        if len(option) > refusals.LONGEST_OPTION:
            return self.answer(refusals.too_long("option", len(option), refusals.LONGEST_OPTION))
        name = option.lower()
        if name == EXTENSION_OPTION:
            self.connection.extended = self.stream.extended = True
        elif name != b"exceptions":
            return self.answer(refusals.UNKNOWN_OPTION)
        self.options[name] = request(commands.OPTION_REQ, *arguments)
        self.tell_leaders(SAID, self.options[name])
        self.answer(response(OPTION_RES, option))

    def work_data(self, arguments: list[bytes]) -> None:
        report(self, commands.WORK_DATA, arguments)

    def work_warning(self, arguments: list[bytes]) -> None:
        report(self, commands.WORK_WARNING, arguments)

    def grab_job_uniq(self, arguments: list[bytes]) -> None:
        grab(self, commands.GRAB_JOB_UNIQ)

    def submit_job_high_bg(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_HIGH_BG, arguments, False)

    def submit_job_low(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_LOW, arguments, True)

    def submit_job_low_bg(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_LOW_BG, arguments, False)

    def submit_job_sched(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_SCHED, arguments, False)

    def submit_job_epoch(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_JOB_EPOCH, arguments, False)

    def submit_reduce_job(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_REDUCE_JOB, arguments, True)

    def submit_reduce_job_background(self, arguments: list[bytes]) -> None:
        submit(self, commands.SUBMIT_REDUCE_JOB_BACKGROUND, arguments, False)

    def grab_job_all(self, arguments: list[bytes]) -> None:
        grab(self, commands.GRAB_JOB_ALL)

    def get_status_unique(self, arguments: list[bytes]) -> None:
        ask_all(
            self,
            commands.GET_STATUS_UNIQUE,
            request(commands.GET_STATUS_UNIQUE, *arguments),
            texts.best_status,
        )

    # Requests of the extension

    def submit_job_extended(self, arguments: list[bytes]) -> None:
        try:
            waits = not submit_options(arguments[2]).background
        except SettingsError:
            waits = False  # the leader will refuse it
        submit(self, commands.SUBMIT_JOB_EXTENDED, arguments, waits)

    def get_result(self, arguments: list[bytes]) -> None:
        ask_about(self, commands.GET_RESULT, arguments)

    def cancel_job(self, arguments: list[bytes]) -> None:
        ask_about(self, commands.CANCEL_JOB, arguments)

    def work_retry(self, arguments: list[bytes]) -> None:
        end_job(self, commands.WORK_RETRY, arguments[0], arguments, NO_SUCH_RETRY)

    def work_too_large(self, arguments: list[bytes]) -> None:
        end_job(self, commands.WORK_TOO_LARGE, arguments[0], arguments, NO_SUCH_RESULT)

    def grab_job_extended(self, arguments: list[bytes]) -> None:
        grab(self, commands.GRAB_JOB_EXTENDED)

    # To leaders

    def channel(self, shard: int) -> Channel:
        """The peer's channel to a shard, opened if it had none."""
        channel = self.channels.get(shard)
        return self.open(self.hub.sides[shard]) if channel is None else channel

    def open(self, shard: Shard) -> Channel:
        """Let the shard's leader know the peer, now or when there is one."""
        channel = Channel(shard, self.number, self.loaded)
        self.channels[shard.number] = channel
        if shard.send is not None:
            attach(self, channel, shard.send)
        return channel

    def tell_leaders(self, kind: int, body: bytes) -> None:
        """Tell all leaders something of the peer, behind what it has said by now; others learn it from its state."""
        self.flush()
        for channel in self.channels.values():
            shard = channel.shard
            if shard.send is not None:
                shard.send(kind, shard.number, self.number, body)

    def flush(self) -> None:
        """Send what was said to each leader."""
        for channel in self.loaded:
            channel.flush()
        self.loaded.clear()

    # To the peer

    def answer(self, packet: bytes) -> None:
        """Answer what needs no leader, when the peer has heard what it asked before."""
        if self.replies.questions:
            self.answer_later([packet])
        else:
            self.connection.send(packet)

    def answer_later(self, packets: list[bytes]) -> Question:
        """Something among the questions that has its answer already."""
        question = Question(self, self.home, TEXT, b"", False, self.hub.now, None)
        question.state = ANSWERED
        question.answers = packets
        self.replies.questions.append(question)
        return question

    def is_owed(self) -> bool:
        """Whether answers are to come that the peer, though it says no more, should hear; a job to work on is none."""
        for question in self.replies.questions:
            if not question.is_grab():
                return True
        return False


def request_table() -> list[Callable[[Front, list[bytes]], None]]:
    """The handlers by packet type."""
    handlers: dict[int, Callable[[Front, list[bytes]], None]] = {
        commands.CAN_DO: Front.can_do,
        commands.CANT_DO: Front.cant_do,
        commands.RESET_ABILITIES: Front.reset_abilities,
        commands.PRE_SLEEP: Front.pre_sleep,
        commands.SUBMIT_JOB: Front.submit_job,
        commands.GRAB_JOB: Front.grab_job,
        commands.WORK_STATUS: Front.work_status,
        commands.WORK_COMPLETE: Front.work_complete,
        commands.WORK_FAIL: Front.work_fail,
        commands.GET_STATUS: Front.get_status,
        commands.ECHO_REQ: Front.echo_req,
        commands.SUBMIT_JOB_BG: Front.submit_job_bg,
        commands.SUBMIT_JOB_HIGH: Front.submit_job_high,
        commands.SET_CLIENT_ID: Front.set_client_id,
        commands.CAN_DO_TIMEOUT: Front.can_do_timeout,
        commands.ALL_YOURS: Front.all_yours,
        commands.WORK_EXCEPTION: Front.work_exception,
        commands.OPTION_REQ: Front.option_req,
        commands.WORK_DATA: Front.work_data,
        commands.WORK_WARNING: Front.work_warning,
        commands.GRAB_JOB_UNIQ: Front.grab_job_uniq,
        commands.SUBMIT_JOB_HIGH_BG: Front.submit_job_high_bg,
        commands.SUBMIT_JOB_LOW: Front.submit_job_low,
        commands.SUBMIT_JOB_LOW_BG: Front.submit_job_low_bg,
        commands.SUBMIT_JOB_SCHED: Front.submit_job_sched,
        commands.SUBMIT_JOB_EPOCH: Front.submit_job_epoch,
        commands.SUBMIT_REDUCE_JOB: Front.submit_reduce_job,
        commands.SUBMIT_REDUCE_JOB_BACKGROUND: Front.submit_reduce_job_background,
        commands.GRAB_JOB_ALL: Front.grab_job_all,
        commands.GET_STATUS_UNIQUE: Front.get_status_unique,
        commands.SUBMIT_JOB_EXTENDED: Front.submit_job_extended,
        commands.GET_RESULT: Front.get_result,
        commands.CANCEL_JOB: Front.cancel_job,
        commands.WORK_RETRY: Front.work_retry,
        commands.GRAB_JOB_EXTENDED: Front.grab_job_extended,
        commands.WORK_TOO_LARGE: Front.work_too_large,
    }
    return [handlers.get(number, Front.unexpected) for number in range(len(SEPARATORS))]


REQUESTS: Final = request_table()
