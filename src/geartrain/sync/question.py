"""A question to a server, asked again once when a connection turns out to be dead."""

from __future__ import annotations

import time

from geartrain.errors import ConnectError, ConnectionLost, ExtensionMissing, GearmanError
from geartrain.jobs import JobHandle
from geartrain.protocol.commands import GET_RESULT, GET_STATUS
from geartrain.protocol.history import history_of
from geartrain.protocol.inquiry import Inquiry
from geartrain.protocol.servers import Server
from geartrain.protocol.standing import PATIENCE, UNTOLD, Standing, of_history, of_status
from geartrain.protocol.submission import name
from geartrain.protocol.task import Question, Task
from geartrain.sync.connections import Connection, Connections


class Asked:
    """A question that is under way to one server."""

    def __init__(self, connections: Connections, server: Server, command: int, argument: bytes) -> None:
        self.connections = connections
        self.server = server
        self.command = command
        self.argument = argument
        self.sent: tuple[Connection, Question] | None = None  # None while there is no connection
        self.unreachable: GearmanError = ConnectError(f"{server.name} was not asked", server=server.name)

    def send(self, deadline: float | None) -> None:
        """Send the question, if the server can be reached."""
        try:
            self.sent = self.connections.ask(self.server, self.command, self.argument, deadline)
        except (ConnectError, ConnectionLost, ExtensionMissing) as error:
            self.sent = None
            self.unreachable = error

    def answer(self, deadline: float | None) -> list[bytes]:
        """Wait for the answer; raises ConnectError, ConnectionLost, ServerError or JobTimeout."""
        question = self.wait(deadline)
        if isinstance(question.error, ConnectionLost):
            self.send(deadline)
            question = self.wait(deadline)
        if question.error is not None:
            raise question.error
        return question.arguments

    def wait(self, deadline: float | None) -> Question:
        """Wait until the question is answered or lost; raises why it was not sent, if it was not."""
        if self.sent is None:
            raise self.unreachable
        connection, question = self.sent
        self.connections.wait_answered(question, connection, deadline)
        return question

    def answer_if_reachable(self, deadline: float | None, strict: bool) -> list[bytes] | None:
        """The same, but None where the server cannot be reached, unless ``strict``."""
        try:
            return self.answer(deadline)
        except (ConnectError, ConnectionLost, ExtensionMissing):
            if strict:
                raise
            return None


def ask(
    connections: Connections,
    command: int,
    questions: list[tuple[list[Server], bytes]],
    deadline: float | None,
    strict: bool,
) -> list[list[list[bytes] | None]]:
    """Ask for each argument each of its servers, all at once.

    An answer is None where its server cannot be reached; ``strict`` raises instead.
    """
    asked = [
        [Asked(connections, server, command, argument) for server in servers]
        for servers, argument in questions
    ]
    for group in asked:
        for question in group:
            question.send(deadline)
    return [[question.answer_if_reachable(deadline, strict) for question in group] for group in asked]


def inquire(
    connections: Connections, command: int, handles: list[JobHandle], deadline: float | None
) -> list[Inquiry]:
    """Ask about each job whoever may know it, all at once, as far as servers can be reached."""
    now = time.monotonic()
    inquiries = [
        Inquiry(name(handle, "handle"), handle.server, connections.servers, now) for handle in handles
    ]
    ask_around(connections, command, inquiries, deadline, False)
    return inquiries


def insist(connections: Connections, command: int, inquiries: list[Inquiry], deadline: float | None) -> None:
    """Ask those again who were not reached; raises why one cannot be."""
    for inquiry in inquiries:
        inquiry.insist()
    ask_around(connections, command, inquiries, deadline, True)


def ask_around(
    connections: Connections, command: int, inquiries: list[Inquiry], deadline: float | None, strict: bool
) -> None:
    """Ask one round of servers after the other, for as long as there are inquiries that need it."""
    while waiting := [inquiry for inquiry in inquiries if inquiry.rounds]:
        questions = [(inquiry.rounds[0], inquiry.handle) for inquiry in waiting]
        answers = ask(connections, command, questions, deadline, strict)
        for inquiry, told in zip(waiting, answers, strict=True):
            inquiry.take(told)


def standing(connections: Connections, task: Task, connection: Connection) -> Standing:
    """Where a job stands, as far as its server says it at once."""
    if not task.handle or connection.lost:
        return UNTOLD
    deadline = time.monotonic() + PATIENCE
    try:
        connections.wait_extension(connection, deadline)
        if connection.protocol.stream.extended:
            return of_history(
                history_of(answer_of(connections, GET_RESULT, task.handle, connection, deadline))
            )
        return of_status(answer_of(connections, GET_STATUS, task.handle, connection, deadline))
    except GearmanError:  # no answer in time, or none at all: the caller hears of its own deadline
        return UNTOLD


def answer_of(
    connections: Connections, command: int, argument: bytes, connection: Connection, deadline: float
) -> list[bytes]:
    """What one connection's server answers, without a second attempt; raises like ``ask``."""
    question = connections.ask_at(connection, command, argument)
    connections.wait_answered(question, connection, deadline)
    if question.error is not None:
        raise question.error
    return question.arguments
