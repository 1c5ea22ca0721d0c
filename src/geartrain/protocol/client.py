"""A client's side of one connection, without I/O: tasks and questions go in, their answers come out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from geartrain.errors import (
    ConnectionLost,
    ExtensionMissing,
    JobException,
    JobFailed,
    ProtocolError,
    server_error,
)
from geartrain.protocol.commands import (
    CANCEL_JOB,
    CANCEL_RES,
    ECHO_RES,
    ERROR,
    EXTENSION_OPTION,
    GET_RESULT,
    GET_STATUS,
    JOB_CREATED,
    NAMES,
    OPTION_REQ,
    OPTION_RES,
    RESULT_RES,
    SEPARATORS,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.events import Complete, JobState, Progress, Warning
from geartrain.protocol.numbers import count
from geartrain.protocol.packet import LARGEST_PAYLOAD, RESPONSE, PacketStream, completed, request
from geartrain.protocol.task import Pending, Question, Task

NEEDS: Final = {
    GET_RESULT: "the result of a background job",
    CANCEL_JOB: "cancelling a job",
}
"""What a question of the extension is about, for whom asks it of a server that does not know it."""


NOBODY: Final = Task(b"", b"", b"", b"", False, 0)
"""Stands in for a task that was given up: the server goes on to send its copies."""
NOBODY.abandon()


class ClientProtocol:
    """The client's end of one connection.

    After every call, ``take_outgoing()`` gives the bytes to write. ``name`` is the server's, for error messages.
    """

    def __init__(self, name: str, exceptions: bool) -> None:
        self.name = name
        self.stream = PacketStream(RESPONSE, HANDLERS, misdirected, short, text_line, LARGEST_PAYLOAD)
        self.outgoing: list[bytes] = []
        self.awaiting: deque[Pending] = deque()  # servers answer in the order of the requests
        self.listeners: dict[bytes, list[Task]] = {}  # foreground tasks by handle
        self.extension: Question | None = None  # whether the server has it; None while nobody needs to know
        self.broken = False  # the server sent what is not Gearman
        if exceptions:
            self.ask(OPTION_REQ, b"exceptions")

    def submit(self, task: Task) -> None:
        """Send a job; its task is ``answered`` with the handle, and ``done`` with the result.

        One that comes from another server asks first what its job does, should this server know it.
        Raises ExtensionMissing for a task that needs the extension of a server that does not have it.
        """
        packet = task.extended if task.extended and self.stream.extended else task.packet
        if not packet:
            error = self.extension_missing(task.needs)
            task.tell_watch(error)
            raise error
        if task.handle:
            task.rejoin = self.ask(GET_STATUS, task.handle)
        self.outgoing.append(packet)
        self.awaiting.append(task)

    def ask(self, command: int, argument: bytes) -> Question:
        """Send a request that one packet answers; raises ExtensionMissing like ``submit``."""
        if command in NEEDS and not self.stream.extended:
            raise self.extension_missing(NEEDS[command])
        question = Question()
        self.outgoing.append(request(command, argument))
        self.awaiting.append(question)
        return question

    def ask_extension(self) -> Question:
        """Ask, once, whether the server has the extension; what needs it may be sent after the answer."""
        if self.extension is None:
            self.extension = self.ask(OPTION_REQ, EXTENSION_OPTION)
        return self.extension

    def extension_missing(self, needs: str) -> ExtensionMissing:
        """The exception for what this server cannot do."""
        return ExtensionMissing(f"{needs}: {self.name} is no Geartrain server", server=self.name)

    def take_outgoing(self) -> bytes:
        """The bytes to write now, all packets joined."""
        outgoing = self.outgoing
        self.outgoing = []
        return outgoing[0] if len(outgoing) == 1 else b"".join(outgoing)

    def receive(self, chunk: bytes) -> None:
        """Take bytes of the server; raises ProtocolError, after which the connection must end."""
        try:
            self.stream.receive(self, chunk)
        except ProtocolError:
            self.broken = True
            raise

    def unfinished(self) -> int:
        """How many foreground jobs somebody still waits for."""
        return sum(not task.abandoned for tasks in self.listeners.values() for task in tasks)

    def lost(self, error: ConnectionLost) -> None:
        """The connection ended: everything that awaits something ends with the error.

        Where that was interrupted it may be called again: what has not ended yet is still here.
        """
        while self.awaiting:
            self.awaiting[0].refuse(error)
            self.awaiting.popleft()
        while self.listeners:
            handle = next(iter(self.listeners))
            for task in self.listeners[handle]:
                task.error = ConnectionLost(
                    str(error), server=self.name, handle=handle.decode("utf-8", "replace"), submitted=True
                )
                if self.broken:  # another server would hear the same answer, and send it
                    task.moves = 0
                task.end(JobState.LOST)
            del self.listeners[handle]

    def abandon(self, task: Task) -> None:
        """Nobody waits for the task any more: keep no more of it than that its copies of packets are nobody's."""
        task.abandon()
        tasks = self.listeners.get(task.handle, [])
        if task in tasks:
            tasks[tasks.index(task)] = NOBODY

    def next_awaiting(self, command: int) -> Pending:
        """What the server answers now."""
        if not self.awaiting:
            raise ProtocolError(
                f"{self.name} sent {NAMES[command]}, which nothing asked for", server=self.name
            )
        return self.awaiting.popleft()

    # One method for each packet, called with the packet's arguments.

    def job_created(self, arguments: list[bytes]) -> None:
        """The server has the job that was submitted first."""
        task = self.next_awaiting(JOB_CREATED)
        if not isinstance(task, Task):
            raise ProtocolError(f"{self.name} sent JOB_CREATED for another request", server=self.name)
        task.answer(arguments)
        if not task.background:
            self.listeners.setdefault(arguments[0], []).append(NOBODY if task.abandoned else task)

    def work_status(self, arguments: list[bytes]) -> None:
        """A worker says how far it is."""
        task = self.listener(arguments[0])
        if task is not None:
            task.happened(Progress(count(arguments[1]), count(arguments[2])))

    def work_complete(self, arguments: list[bytes]) -> None:
        """The job is done."""
        task = self.finished(arguments[0])
        if task is not None:
            task.happened(Complete(arguments[1]))
            task.end(JobState.COMPLETE)

    def work_fail(self, arguments: list[bytes]) -> None:
        """The job failed."""
        # gearmand leaves a NUL on the handle where it made a WORK_EXCEPTION into this packet.
        task = self.finished(arguments[0].rstrip(b"\0"))
        if task is not None:
            handle = task.handle.decode("utf-8", "replace")
            task.error = JobFailed(f"job {handle} failed", server=self.name, handle=handle)
            task.end(JobState.FAILED)

    def error(self, arguments: list[bytes]) -> None:
        """The server refused what was asked first."""
        code = arguments[0].decode("utf-8", "replace")
        text = arguments[1].decode("utf-8", "replace")
        if self.awaiting:
            self.awaiting.popleft().refuse(server_error(code, text, server=self.name))

    def work_exception(self, arguments: list[bytes]) -> None:
        """The worker's function raised."""
        task = self.finished(arguments[0])
        if task is not None:
            handle = task.handle.decode("utf-8", "replace")
            task.error = JobException(arguments[1], server=self.name, handle=handle)
            task.end(JobState.EXCEPTION)

    def work_data(self, arguments: list[bytes]) -> None:
        """A piece of a result."""
        task = self.listener(arguments[0])
        if task is not None:
            task.piece(arguments[1])

    def work_warning(self, arguments: list[bytes]) -> None:
        """A warning of the worker."""
        task = self.listener(arguments[0])
        if task is not None:
            task.happened(Warning(arguments[1]))

    def echo_res(self, arguments: list[bytes]) -> None:
        """The answer to an echo."""
        self.next_awaiting(ECHO_RES).answer(arguments)

    def option_res(self, arguments: list[bytes]) -> None:
        """The server has set an option."""
        option = self.next_awaiting(OPTION_RES)
        if option is self.extension:
            self.stream.extended = True
        option.answer(arguments)

    def status_res(self, arguments: list[bytes]) -> None:
        """The answer to a question for a handle."""
        self.next_awaiting(STATUS_RES).answer(arguments)

    def status_res_unique(self, arguments: list[bytes]) -> None:
        """The answer to a question for a unique."""
        self.next_awaiting(STATUS_RES_UNIQUE).answer(arguments)

    def result_res(self, arguments: list[bytes]) -> None:
        """What became of a background job."""
        self.next_awaiting(RESULT_RES).answer(arguments)

    def cancel_res(self, arguments: list[bytes]) -> None:
        """Whether a job was cancelled."""
        self.next_awaiting(CANCEL_RES).answer(arguments)

    def unexpected(self, arguments: list[bytes]) -> None:
        """A packet that no server sends to a client."""
        raise ProtocolError(f"{self.name} sent a packet that is not for a client", server=self.name)

    def listener(self, handle: bytes) -> Task | None:
        """The task whose copy of a packet this is; None where nobody here waits for it.

        A server sends one copy for each submission that shares the job, so the tasks take turns.
        """
        tasks = self.listeners.get(handle)
        if tasks is None:
            return None
        task = tasks[0]
        if len(tasks) > 1:
            tasks.append(tasks.pop(0))
        return None if task is NOBODY else task

    def finished(self, handle: bytes) -> Task | None:
        """The same for a job's last packet: the task hears nothing more."""
        tasks = self.listeners.get(handle)
        if tasks is None:
            return None
        task = tasks.pop(0)
        if not tasks:
            del self.listeners[handle]
        return None if task is NOBODY else task


def misdirected(client: ClientProtocol, arguments: list[bytes]) -> None:
    """A request came from the server."""
    raise ProtocolError(f"{client.name} sent a request, expected a response", server=client.name)


def short(client: ClientProtocol, command: int, arguments: list[bytes]) -> None:
    """Arguments that are missing at the end are empty: some workers leave out the NUL of an empty result."""
    HANDLERS[command](client, completed(command, arguments))


def text_line(client: ClientProtocol, line: bytes) -> None:
    """A line of text came where packets are expected."""
    raise ProtocolError(f"{client.name} sent {line[:80]!r}, expected a packet", server=client.name)


HANDLERS: Final[list[Callable[[ClientProtocol, list[bytes]], None]]] = [
    ClientProtocol.unexpected for _ in SEPARATORS
]
HANDLERS[JOB_CREATED] = ClientProtocol.job_created
HANDLERS[WORK_STATUS] = ClientProtocol.work_status
HANDLERS[WORK_COMPLETE] = ClientProtocol.work_complete
HANDLERS[WORK_FAIL] = ClientProtocol.work_fail
HANDLERS[ECHO_RES] = ClientProtocol.echo_res
HANDLERS[ERROR] = ClientProtocol.error
HANDLERS[STATUS_RES] = ClientProtocol.status_res
HANDLERS[WORK_EXCEPTION] = ClientProtocol.work_exception
HANDLERS[OPTION_RES] = ClientProtocol.option_res
HANDLERS[WORK_DATA] = ClientProtocol.work_data
HANDLERS[WORK_WARNING] = ClientProtocol.work_warning
HANDLERS[STATUS_RES_UNIQUE] = ClientProtocol.status_res_unique
HANDLERS[RESULT_RES] = ClientProtocol.result_res
HANDLERS[CANCEL_RES] = ClientProtocol.cancel_res
