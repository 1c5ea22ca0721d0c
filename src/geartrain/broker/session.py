"""A connection as the wire sees it: one method for each packet a peer may send, in the order of the protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from geartrain.broker import extension
from geartrain.broker.abilities import time_limit
from geartrain.broker.access import Badge
from geartrain.broker.accidents import Accident
from geartrain.broker.admin import Console
from geartrain.broker.agenda import tick
from geartrain.broker.arguments import leading_number, without_nul
from geartrain.broker.assignments import NOTHING_TO_DO, assignment, fetch
from geartrain.broker.broker import Broker
from geartrain.broker.endings import fail_execution, give_up, tell_exception
from geartrain.broker.fate import status_fields
from geartrain.broker.forgetting import forget_idle
from geartrain.broker.lateness import forget_others, forget_worker, late_job
from geartrain.broker.lists import Rows
from geartrain.broker.model import (
    FUNCTION_LIMIT,
    HIGH,
    LISTING,
    LOW,
    MOST_ABILITIES,
    NO_LIST,
    NORMAL,
    TOO_MANY_ABILITIES,
    TOO_MANY_WAITS,
    Connection,
    Job,
    job_by_handle,
    job_by_unique,
)
from geartrain.broker.pieces import begin, go_on
from geartrain.broker.recurring import recur, wire_schedule
from geartrain.broker.refusals import (
    JOB_NOT_FOUND,
    LONGEST_CLIENT_ID,
    LONGEST_OPTION,
    NO_SUCH_EXCEPTION,
    NO_SUCH_JOB,
    NO_SUCH_RESULT,
    NOT_EXPECTED,
    UNKNOWN_OPTION,
    WORKER_COMMANDS,
    WRONG_MAGIC,
    ability_fault,
    too_long,
    too_short,
)
from geartrain.broker.results import collect, keep_result
from geartrain.broker.submit_options import REDUCER_LIMIT
from geartrain.protocol import commands
from geartrain.protocol.commands import (
    ECHO_RES,
    ERROR,
    EXTENSION_OPTION,
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    GRAB_JOB_UNIQ,
    JOB_CREATED,
    OPTION_RES,
    SEPARATORS,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    STOPPING,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import HEADER, REQUEST, RESPONSE, PacketStream, completed, response

CREATED: Final = [
    HEADER.pack(RESPONSE, JOB_CREATED, length) for length in range(256)
]  # by the handle's length
CLIENT_ID_LIMIT: Final = 127  # bytes that gearmand keeps
MANY: Final = 100  # functions and jobs; a question that may look at more is its peer's last one in a turn


class Session:
    """What a peer says, done on the broker; the answers are left in ``connection.outgoing``."""

    def __init__(self, broker: Broker, connection: Connection, limit: int) -> None:
        self.broker = broker
        self.connection = connection
        self.limit = limit  # bytes of a packet's arguments, whatever rules may say
        self.badge: Badge | None = None  # None where no rules apply, see ``guard.py``
        self.console = Console(broker, connection)
        self.rows: Rows | None = None  # of the list that the peer hears in several turns
        self.stream = PacketStream[Session](
            REQUEST, REQUESTS, Session.misdirected, Session.short, Session.text, limit
        )
        self.stream.too_large = Session.too_large

    def receive(self, chunk: bytes) -> None:
        """Take the next bytes; raise ProtocolError where the connection must end."""
        self.stream.receive(self, chunk)

    def go_on(self) -> bool:
        """Take what came behind a question whose answer was a long list; False while that is not whole.

        Raises ProtocolError as ``receive``.
        """
        connection = self.connection
        if connection.listing != LISTING and self.stream.paused:
            connection.listing = NO_LIST
            self.stream.resume()
            if (
                self.broker.relayed and self.rows is not None
            ):  # its front takes all, however slowly the peer reads
                self.console.carry(self.rows.told)
            self.rows = None
            self.stream.receive(self, b"")
        return connection.listing == NO_LIST

    def refuse(self, code: bytes, text: bytes) -> None:
        """Answer with an ERROR packet."""
        self.connection.send(response(ERROR, code, text))

    def rest(self) -> None:
        """Leave what the peer said behind a question for the next turn, where there is much to look at.

        A thousand questions come in one chunk. In a pool they come in frames, which the leader takes as they come.
        """
        broker = self.broker
        if broker.relayed or len(broker.functions) + len(broker.jobs) <= MANY:
            return
        if broker.lists.rest(self.connection):
            self.stream.pause()

    # What is not a request

    def misdirected(self, arguments: list[bytes]) -> None:
        """A packet with the magic of an answer."""
        self.connection.send(WRONG_MAGIC)

    def unexpected(self, arguments: list[bytes]) -> None:
        """A packet type that only a server sends, or nobody."""
        self.connection.send(NOT_EXPECTED)

    def short(self, command: int, arguments: list[bytes]) -> None:
        """A packet with fewer arguments than its type has.

        A worker's are taken as empty: Perl's leaves the NUL out when a result is empty, and must never see an ERROR.
        """
        if command in WORKER_COMMANDS:
            return self.stream.handlers[command](self, completed(command, arguments))
        self.connection.send(too_short(command, arguments))

    def too_large(self, handle: bytes, error: bytes) -> None:
        """A packet about a job is over the limit: the job fails, as the worker would only send that again."""
        job = self.heard(handle, NO_SUCH_RESULT)
        if job is not None and self.broker.events is not None:
            self.broker.events.add(self.broker.clock, "exception", job, "", error)
        if job is None or self.fails(job, "exception"):
            return
        tell_exception(job, error)
        give_up(self.broker, job, "exception", error, is_poison=True)

    def text(self, line: bytes) -> None:
        """A line of the text protocol."""
        answer = self.console.answer(line)
        if not isinstance(answer, bytes):
            if not begin(self.broker, self.connection, answer):
                self.stream.pause()
                self.rows = answer
            else:
                self.rest()
            return
        self.connection.send(answer)
        if self.console.waits and self.broker.batch is not None:
            self.connection.promised = True
        self.rest()

    # Requests

    def can_do(self, arguments: list[bytes]) -> None:
        self.add_ability(without_nul(arguments[0]), 0.0)

    def cant_do(self, arguments: list[bytes]) -> None:
        function = self.broker.functions.get(without_nul(arguments[0]))
        if function is not None:
            self.broker.remove_ability(self.connection, function)

    def reset_abilities(self, arguments: list[bytes]) -> None:
        self.broker.remove_abilities(self.connection)

    def pre_sleep(self, arguments: list[bytes]) -> None:
        self.broker.sleepers.sleep(self.connection)
        if len(self.connection.abilities) > MANY:
            self.rest()

    def submit_job(self, arguments: list[bytes]) -> None:
        self.submit(arguments[0], arguments[1], b"", arguments[2], NORMAL, self.connection, 0.0)

    def grab_job(self, arguments: list[bytes]) -> None:
        self.grab(GRAB_JOB)

    def work_status(self, arguments: list[bytes]) -> None:
        job = self.running(arguments[0], NO_SUCH_RESULT)
        if job is None:
            return
        job.numerator = leading_number(arguments[1]) & 0xFFFFFFFF
        job.denominator = leading_number(arguments[2]) & 0xFFFFFFFF
        if self.broker.events is not None:
            self.broker.events.add(self.broker.clock, "status", job)
        if job.clients:
            self.relay(job, response(WORK_STATUS, job.handle, arguments[1], arguments[2]))

    def work_complete(self, arguments: list[bytes]) -> None:
        job = self.heard(arguments[0], NO_SUCH_RESULT)
        if job is None:
            return
        if job.clients:
            self.relay(job, response(WORK_COMPLETE, job.handle, arguments[1]))
        if job.function.policy is not None:
            keep_result(self.broker, job, "complete", arguments[1])
        job.function.tally.completed += 1
        if self.broker.events is not None:
            self.broker.events.add(self.broker.clock, "completed", job)
        self.broker.finish(job)

    def work_fail(self, arguments: list[bytes]) -> None:
        job = self.heard(without_nul(arguments[0]), NO_SUCH_RESULT)
        if job is None or self.fails(job, "fail"):
            return
        self.broker.tell_failure(job)
        give_up(self.broker, job, "fail", b"")

    def get_status(self, arguments: list[bytes]) -> None:
        handle = without_nul(arguments[0])
        job = job_by_handle(self.broker.jobs, handle)
        if job is None and wire_schedule(self.broker, handle) is not None:
            return self.connection.send(response(STATUS_RES, handle, b"1", b"0", b"0", b"0"))
        self.connection.send(response(STATUS_RES, handle, *status_fields(job)))

    def echo_req(self, arguments: list[bytes]) -> None:
        self.connection.send(response(ECHO_RES, arguments[0]))

    def submit_job_bg(self, arguments: list[bytes]) -> None:
        self.submit(arguments[0], arguments[1], b"", arguments[2], NORMAL, None, 0.0)

    def submit_job_high(self, arguments: list[bytes]) -> None:
        self.submit(arguments[0], arguments[1], b"", arguments[2], HIGH, self.connection, 0.0)

    def set_client_id(self, arguments: list[bytes]) -> None:
        if len(arguments[0]) > LONGEST_CLIENT_ID:
            return self.connection.send(too_long("client id", len(arguments[0]), LONGEST_CLIENT_ID))
        self.connection.client_id = without_nul(arguments[0])[:CLIENT_ID_LIMIT]

    def can_do_timeout(self, arguments: list[bytes]) -> None:
        self.add_ability(arguments[0], time_limit(self.broker, arguments[0], arguments[1]))

    def all_yours(self, arguments: list[bytes]) -> None:
        """Accepted and of no meaning: an ERROR would stop the worker that sends it."""

    def work_exception(self, arguments: list[bytes]) -> None:
        job = self.heard(arguments[0], NO_SUCH_EXCEPTION)
        if job is not None and self.broker.events is not None:
            self.broker.events.add(self.broker.clock, "exception", job, "", arguments[1])
        if job is None or self.fails(job, "exception"):
            return
        tell_exception(job, arguments[1])
        give_up(self.broker, job, "exception", arguments[1])

    def option_req(self, arguments: list[bytes]) -> None:
        option = without_nul(arguments[0])
        if len(option) > LONGEST_OPTION:
            return self.connection.send(too_long("option", len(option), LONGEST_OPTION))
        if option.lower() == b"exceptions":
            self.connection.exceptions = True
        elif option.lower() == EXTENSION_OPTION:
            self.connection.extended = self.stream.extended = True
        else:
            return self.connection.send(UNKNOWN_OPTION)
        self.connection.send(response(OPTION_RES, option))

    def work_data(self, arguments: list[bytes]) -> None:
        job = self.heard(arguments[0], NO_SUCH_JOB)
        if job is None:
            return forget_worker(self.broker.jobs, self.connection, arguments[0])
        if job.late is not None:
            forget_others(job, self.connection)
        if self.broker.events is not None:
            self.broker.events.add(self.broker.clock, "data", job, "", arguments[1])
        if job.function.policy is not None:
            collect(self.broker, job, arguments[1])
        if job.clients:
            self.relay(job, response(WORK_DATA, job.handle, arguments[1]))

    def work_warning(self, arguments: list[bytes]) -> None:
        job = self.heard(arguments[0], NO_SUCH_JOB)
        if job is None:
            return
        if self.broker.events is not None:
            self.broker.events.add(self.broker.clock, "warning", job, "", arguments[1])
        if job.clients:
            self.relay(job, response(WORK_WARNING, job.handle, arguments[1]))

    def grab_job_uniq(self, arguments: list[bytes]) -> None:
        self.grab(GRAB_JOB_UNIQ)

    def submit_job_high_bg(self, arguments: list[bytes]) -> None:
        self.submit(arguments[0], arguments[1], b"", arguments[2], HIGH, None, 0.0)

    def submit_job_low(self, arguments: list[bytes]) -> None:
        self.submit(arguments[0], arguments[1], b"", arguments[2], LOW, self.connection, 0.0)

    def submit_job_low_bg(self, arguments: list[bytes]) -> None:
        self.submit(arguments[0], arguments[1], b"", arguments[2], LOW, None, 0.0)

    def submit_job_sched(self, arguments: list[bytes]) -> None:
        self.connection.send(recur(self.broker, self.connection, arguments))

    def submit_job_epoch(self, arguments: list[bytes]) -> None:
        run_at = float(leading_number(arguments[2]))
        self.submit(arguments[0], arguments[1], b"", arguments[3], NORMAL, None, max(run_at, 0.0))

    def submit_reduce_job(self, arguments: list[bytes]) -> None:
        self.submit_reduced(arguments, self.connection)

    def submit_reduce_job_background(self, arguments: list[bytes]) -> None:
        self.submit_reduced(arguments, None)

    def grab_job_all(self, arguments: list[bytes]) -> None:
        # Who has the extension may grab before it has heard so.
        self.grab(GRAB_JOB_EXTENDED if self.connection.extended else GRAB_JOB_ALL)

    def get_status_unique(self, arguments: list[bytes]) -> None:
        unique = without_nul(arguments[0])
        job = job_by_unique(self.broker.functions.values(), unique)
        waiting = b"%d" % len(job.clients) if job is not None and job.clients else b"0"
        self.connection.send(response(STATUS_RES_UNIQUE, unique, *status_fields(job), waiting))
        self.rest()

    # What requests share

    def add_ability(self, name: bytes, time_limit: float) -> None:
        """Register a function; a name that cannot be submitted to is left out, since a worker must see no ERROR."""
        fault = ability_fault(name)
        if fault:
            return self.broker.notices.append(fault)
        if len(self.connection.abilities) >= MOST_ABILITIES:
            return self.refuse(b"TOO_MANY_ABILITIES", TOO_MANY_ABILITIES)
        self.broker.add_ability(self.connection, name, time_limit)

    def submit_reduced(self, arguments: list[bytes], client: Connection | None) -> None:
        """Submit (function, unique, reducer, unused, workload)."""
        if len(arguments[2]) > REDUCER_LIMIT:
            text = f"reducer of {len(arguments[2])} bytes, at most {REDUCER_LIMIT} are expected"
            return self.refuse(b"ARGUMENT_TOO_LARGE", text.encode())
        self.submit(arguments[0], arguments[1], arguments[2], arguments[4], NORMAL, client, 0.0)

    def submit(
        self,
        name: bytes,
        unique: bytes,
        reducer: bytes,
        workload: bytes,
        priority: int,
        client: Connection | None,
        run_at: float,
    ) -> None:
        """Submit a job and answer JOB_CREATED or ERROR."""
        if not 0 < len(name) <= FUNCTION_LIMIT:
            text = f"function name of {len(name)} bytes, expected 1 to {FUNCTION_LIMIT}"
            return self.refuse(b"INVALID_FUNCTION_NAME", text.encode())
        broker = self.broker
        if len(unique) > broker.max_unique:
            return self.refuse(b"ARGUMENT_TOO_LARGE", b"Unique value too large")
        if broker.stopping:
            return self.refuse(b"QUEUE_ERROR", STOPPING)
        job = broker.submit(name, unique, reducer, workload, priority, client, run_at)
        if job is None:
            full = broker.functions[name].refusal(priority)
            return self.refuse(b"QUEUE_ERROR" if full else b"TOO_MANY_WAITS", full or TOO_MANY_WAITS)
        if client is None and broker.batch is not None:
            self.connection.promised = True
        self.connection.send(CREATED[len(job.handle)] + job.handle)

    def grab(self, command: int) -> None:
        """Answer a kind of GRAB_JOB."""
        connection = self.connection
        job = self.broker.grab(connection)
        if len(connection.abilities) > MANY:
            self.rest()
        if job is not None:
            if job.workload is None:
                return connection.send(fetch(self.broker, connection, job, command))
            return connection.send(assignment(job, command, job.workload, self.broker.rules.payload_limit))
        connection.send(NOTHING_TO_DO)
        connection.grabbed = command
        self.broker.hungry.append(connection)

    def running(self, handle: bytes, refusal: bytes) -> Job | None:
        """The job this connection runs, or None.

        A worker's word on a job that it does not have (any more) is ignored, since most worker libraries take an
        ERROR for the answer to their next GRAB_JOB; libgearman's client waits for one to its WORK_FAIL.
        """
        job = self.connection.running.get(handle)
        if job is None and not self.connection.worker:
            self.refuse(JOB_NOT_FOUND, refusal)
        return job

    def heard(self, handle: bytes, refusal: bytes) -> Job | None:
        """The job this connection runs, or ran until its time limit while nobody else has it; or None."""
        job = self.connection.running.get(handle)
        if job is None:
            job = late_job(self.broker.jobs, self.connection, handle)
        return job or self.running(handle, refusal)

    def fails(self, job: Job, reason: str) -> bool:
        """The connection says that the job failed: whether it runs again."""
        if job.worker is None:
            forget_worker(self.broker.jobs, self.connection, job.handle)
        return fail_execution(self.broker, job, reason)

    def relay(self, job: Job, packet: bytes) -> None:
        """Send a packet to everybody who waits for the job, once for each submit."""
        for client in job.clients or ():
            client.send(packet)


def end_turn(broker: Broker) -> None:
    """Do what is due, and give the jobs of this turn to the workers it left idle, the awake ones first.

    A worker whose GRAB_JOB came just before a job would hear NO_JOB, sleep, hear NOOP and grab again; its NO_JOB is
    not written yet, so it becomes the job instead.
    """
    tick(broker)
    for connection in broker.hungry:
        if connection.asleep or not connection.outgoing or connection.outgoing[-1] is not NOTHING_TO_DO:
            continue
        try:  # here and not in a function of its own: a call for each idle worker costs
            job = broker.grab(connection)
            if job is None:
                continue
            if job.workload is None:
                connection.outgoing[-1] = fetch(broker, connection, job, connection.grabbed)
            else:
                connection.outgoing[-1] = assignment(
                    job, connection.grabbed, job.workload, broker.rules.payload_limit
                )
        except Exception as error:  # whatever it is: the other workers wait for jobs as well
            broker.accidents.append(Accident("handing out a job", error, connection))
    broker.hungry.clear()
    broker.sleepers.end_turn()
    if broker.idle.noted or broker.now >= broker.idle.look_at:
        forget_idle(broker)
    if broker.lists.used:
        go_on(broker)


def request_table() -> list[Callable[[Session, list[bytes]], None]]:
    """The handlers by packet type."""
    handlers: dict[int, Callable[[Session, list[bytes]], None]] = {
        commands.CAN_DO: Session.can_do,
        commands.CANT_DO: Session.cant_do,
        commands.RESET_ABILITIES: Session.reset_abilities,
        commands.PRE_SLEEP: Session.pre_sleep,
        commands.SUBMIT_JOB: Session.submit_job,
        commands.GRAB_JOB: Session.grab_job,
        commands.WORK_STATUS: Session.work_status,
        commands.WORK_COMPLETE: Session.work_complete,
        commands.WORK_FAIL: Session.work_fail,
        commands.GET_STATUS: Session.get_status,
        commands.ECHO_REQ: Session.echo_req,
        commands.SUBMIT_JOB_BG: Session.submit_job_bg,
        commands.SUBMIT_JOB_HIGH: Session.submit_job_high,
        commands.SET_CLIENT_ID: Session.set_client_id,
        commands.CAN_DO_TIMEOUT: Session.can_do_timeout,
        commands.ALL_YOURS: Session.all_yours,
        commands.WORK_EXCEPTION: Session.work_exception,
        commands.OPTION_REQ: Session.option_req,
        commands.WORK_DATA: Session.work_data,
        commands.WORK_WARNING: Session.work_warning,
        commands.GRAB_JOB_UNIQ: Session.grab_job_uniq,
        commands.SUBMIT_JOB_HIGH_BG: Session.submit_job_high_bg,
        commands.SUBMIT_JOB_LOW: Session.submit_job_low,
        commands.SUBMIT_JOB_LOW_BG: Session.submit_job_low_bg,
        commands.SUBMIT_JOB_SCHED: Session.submit_job_sched,
        commands.SUBMIT_JOB_EPOCH: Session.submit_job_epoch,
        commands.SUBMIT_REDUCE_JOB: Session.submit_reduce_job,
        commands.SUBMIT_REDUCE_JOB_BACKGROUND: Session.submit_reduce_job_background,
        commands.GRAB_JOB_ALL: Session.grab_job_all,
        commands.GET_STATUS_UNIQUE: Session.get_status_unique,
    }
    handlers.update(extension.REQUESTS)
    return [handlers.get(number, Session.unexpected) for number in range(len(SEPARATORS))]


REQUESTS: Final = request_table()
