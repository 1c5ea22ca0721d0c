"""A question to a server, asked again once when a connection turns out to be dead."""

from __future__ import annotations

import asyncio
import contextlib
import time

from geartrain.aio.connections import ClientLink, Connections, wait_answered
from geartrain.errors import ConnectError, ConnectionLost, ExtensionMissing, GearmanError, JobTimeout
from geartrain.jobs import JobHandle
from geartrain.protocol.commands import GET_RESULT, GET_STATUS
from geartrain.protocol.history import history_of
from geartrain.protocol.inquiry import Inquiry
from geartrain.protocol.servers import Server
from geartrain.protocol.standing import PATIENCE, UNTOLD, Standing, job_timeout, of_history, of_status
from geartrain.protocol.submission import name
from geartrain.protocol.task import Question, Task


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
    inquiries = [
        Inquiry(name(handle, "handle"), handle.server, connections.servers, now) for handle in handles
    ]
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


async def late(connections: Connections, task: Task, link: ClientLink | None) -> JobTimeout:
    """The exception for a job whose deadline passed, with where it stands as far as its server says it at once."""
    if link is None:
        return job_timeout(task, "")
    standing = UNTOLD
    if task.handle and not link.lost.is_set():
        with contextlib.suppress(GearmanError, TimeoutError):  # the caller hears of its own deadline
            async with asyncio.timeout(PATIENCE):
                standing = await standing_of(connections, task, link)
    return job_timeout(task, link.server.name, standing)


async def standing_of(connections: Connections, task: Task, link: ClientLink) -> Standing:
    """Where a job stands; raises like ``ask``."""
    await connections.wait_extension(link)
    if link.machine.stream.extended:
        return of_history(history_of(await answer_of(GET_RESULT, task.handle, link)))
    return of_status(await answer_of(GET_STATUS, task.handle, link))


async def answer_of(command: int, argument: bytes, link: ClientLink) -> list[bytes]:
    """What one connection's server answers, without a second attempt; raises like ``ask``."""
    question = link.machine.ask(command, argument)
    link.flush_soon()
    await wait_answered(question)
    if question.error is not None:
        raise question.error
    return question.arguments
