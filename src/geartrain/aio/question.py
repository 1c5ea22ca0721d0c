"""A question to a server, asked again once when a connection turns out to be dead."""

from __future__ import annotations

import time

from geartrain.aio.connections import Connections, wait_answered
from geartrain.errors import ConnectError, ConnectionLost, ExtensionMissing, GearmanError
from geartrain.jobs import JobHandle
from geartrain.protocol.inquiry import Inquiry
from geartrain.protocol.servers import Server
from geartrain.protocol.task import Question


class Asked:
    """A question that is under way to one server."""

    def __init__(self, connections: Connections, server: Server, command: int, argument: bytes) -> None:
        self.connections = connections
        self.server = server
        self.command = command
        self.argument = argument
        self.sent: Question | None = None  # None while there is no connection
        self.unreachable: GearmanError = ConnectError(f"{server.name} was not asked", server=server.name)

    async def send(self) -> None:
        """Send the question, if the server can be reached."""
        try:
            self.sent = await self.connections.ask(self.server, self.command, self.argument)
        except (ConnectError, ConnectionLost, ExtensionMissing) as error:
            self.sent = None
            self.unreachable = error

    async def answer(self) -> list[bytes]:
        """Wait for the answer; raises ConnectError, ConnectionLost, ServerError or ExtensionMissing."""
        question = await self.wait()
        if isinstance(question.error, ConnectionLost):
            await self.send()
            question = await self.wait()
        if question.error is not None:
            raise question.error
        return question.arguments

    async def wait(self) -> Question:
        """Wait until the question is answered or lost; raises why it was not sent, if it was not."""
        if self.sent is None:
            raise self.unreachable
        await wait_answered(self.sent)
        return self.sent

    async def answer_if_reachable(self, strict: bool) -> list[bytes] | None:
        """The same, but None where the server cannot be reached, unless ``strict``."""
        try:
            return await self.answer()
        except (ConnectError, ConnectionLost, ExtensionMissing):
            if strict:
                raise
            return None


async def ask(
    connections: Connections,
    command: int,
    questions: list[tuple[list[Server], bytes]],
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
            await question.send()
    return [[await question.answer_if_reachable(strict) for question in group] for group in asked]


async def inquire(connections: Connections, command: int, handles: list[JobHandle]) -> list[Inquiry]:
    """Ask about each job whoever may know it, all at once, as far as servers can be reached."""
    now = time.monotonic()
    inquiries = [Inquiry(handle.encode(), handle.server, connections.servers, now) for handle in handles]
    await ask_around(connections, command, inquiries, False)
    return inquiries


async def insist(connections: Connections, command: int, inquiries: list[Inquiry]) -> None:
    """Ask those again who were not reached; raises why one cannot be."""
    for inquiry in inquiries:
        inquiry.insist()
    await ask_around(connections, command, inquiries, True)


async def ask_around(connections: Connections, command: int, inquiries: list[Inquiry], strict: bool) -> None:
    """Ask one round of servers after the other, for as long as there are inquiries that need it."""
    while waiting := [inquiry for inquiry in inquiries if inquiry.rounds]:
        questions = [(inquiry.rounds[0], inquiry.handle) for inquiry in waiting]
        answers = await ask(connections, command, questions, strict)
        for inquiry, told in zip(waiting, answers, strict=True):
            inquiry.take(told)
