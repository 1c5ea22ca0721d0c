"""The connections of an asyncio client: opened when they are needed, and again when they break."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from types import TracebackType

from geartrain.aio.link import Link
from geartrain.aio.network import AsyncNetwork
from geartrain.errors import ConnectError, ConnectionLost, ExtensionMissing, JobTimeout, NoServers
from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import LAST
from geartrain.protocol.moving import again, candidates, end_unmoved
from geartrain.protocol.servers import Server, ServerList
from geartrain.protocol.settings import check_seconds
from geartrain.protocol.task import Pending, Question, Task

ClientLink = Link[ClientProtocol]
TimedOut = Callable[[], Awaitable[JobTimeout]]
"""Makes the exception for a deadline that passed."""


async def no_answer() -> JobTimeout:
    """The exception for a call that is not about one job."""
    return JobTimeout("no server answered in time")


class Connections:
    """What the coroutines of a client share.

    Connections belong to the loop that they were made on, and end with it: asyncio.run, and whoever else shuts down a
    loop's asynchronous generators, closes them. On another loop the client makes new ones.
    """

    def __init__(
        self,
        servers: ServerList,
        timeout: float | None,
        connect_timeout: float,
        exceptions: bool,
        network: AsyncNetwork,
    ) -> None:
        check_seconds(timeout, "timeout")
        check_seconds(connect_timeout, "connect_timeout")
        self.servers = servers
        self.timeout = timeout  # seconds, for calls that name none
        self.connect_timeout = connect_timeout
        self.exceptions = exceptions
        self.network = network
        self.open: dict[str, ClientLink] = {}
        # One coroutine at a time connects to a server, or asks for its extension.
        self.opening: dict[str, asyncio.Lock] = {}
        self.closed = False
        self.loop: asyncio.AbstractEventLoop | None = (
            None  # whose connections these are; None before the first
        )
        self.farewell: AsyncGenerator[None] | None = None  # closes them when the loop ends

    async def to(self, server: Server) -> ClientLink:
        """The connection to a server, opened if there is none; raises ConnectError."""
        if self.loop is not asyncio.get_running_loop():
            self.settle_on(asyncio.get_running_loop())
        link = self.open.get(server.name)
        if link is not None:
            return link
        async with self.opening.setdefault(server.name, asyncio.Lock()):
            return self.open.get(server.name) or await self.connect(server)

    def settle_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have connections of this loop; those of another one end with that."""
        self.loop = loop
        self.open = {}
        self.opening = {}
        self.farewell = part_at_the_end(self)
        with contextlib.suppress(StopIteration):  # it has reached its yield, and the loop knows of it
            self.farewell.__anext__().__await__().send(None)

    async def connect(self, server: Server) -> ClientLink:
        """A new connection."""
        if self.closed:
            raise ConnectError("the client is closed", server=server.name)
        link = Link(server, ClientProtocol(server.name, self.exceptions), None, self.drop)
        try:
            await self.network.connect(link, self.connect_timeout)
        except ConnectError:
            self.servers.failed(server, time.monotonic())
            raise
        server.worked()
        self.open[server.name] = link
        return link

    async def submit(self, task: Task) -> ClientLink:
        """Send the task to the best server that can be reached; raises NoServers or ExtensionMissing."""
        reasons = []
        for server in candidates(task, self.servers, time.monotonic()):
            try:
                link = await self.to(server)
                if task.extended:
                    link = await self.extended(link)
                await link.wait_writable()
            except (ConnectError, ConnectionLost) as error:
                reasons.append(str(error))
                continue
            if task.done:
                task.start_over()
            link.machine.submit(task)
            link.flush_soon()
            return link
        nobody = NoServers("; ".join(reasons))
        task.tell_watch(nobody)
        raise nobody

    def again(self, task: Task) -> bool:
        """Whether a task that ended with an error is to be submitted to another server."""
        return not self.closed and again(task, self.servers, time.monotonic())

    async def resubmit(self, task: Task, link: ClientLink) -> ClientLink:
        """Submit the task once more; where no server takes it, that is its end, and the connection the old one."""
        try:
            return await self.submit(task)
        except (NoServers, ExtensionMissing) as error:
            end_unmoved(task, error)
            return link

    async def submit_all(self, tasks: Sequence[Task]) -> list[ClientLink]:
        """The same for many tasks, with one write for each server."""
        return [await self.submit(task) for task in tasks]

    async def ask(self, server: Server, command: int, argument: bytes) -> Question:
        """Send a question to a server; raises ConnectError, ConnectionLost or ExtensionMissing."""
        link = await self.to(server)
        if command > LAST:
            link = await self.extended(link)
        question = link.machine.ask(command, argument)
        link.flush_soon()
        return question

    async def extended(self, link: ClientLink) -> ClientLink:
        """The connection once it is known whether its server has the extension; a new one where it has died."""
        try:
            await self.wait_extension(link)
        except ConnectionLost:
            link = await self.to(link.server)
            await self.wait_extension(link)
        return link

    async def wait_extension(self, link: ClientLink) -> None:
        """Wait until it is known whether the server has the extension; raises ConnectionLost."""
        question = link.machine.ask_extension()
        link.flush_soon()
        if not question.answered:
            async with self.opening.setdefault(link.server.name, asyncio.Lock()):
                await wait_answered(question)
        if isinstance(question.error, ConnectionLost):
            raise question.error

    async def wait_created(self, task: Task, link: ClientLink) -> ClientLink:
        """Wait until a server has acknowledged the task, and say which; raises what went wrong."""
        await wait_answered(task)
        while not task.handle and self.again(task):
            link = await self.resubmit(task, link)
            await wait_answered(task)
        if task.error is not None and not task.handle:
            raise task.error
        return link

    def drop(self, link: ClientLink, error: ConnectionLost) -> None:
        """A connection ended: whatever waits for its answers ends with the error."""
        if self.open.get(link.server.name) is link:
            del self.open[link.server.name]
            self.servers.failed(link.server, time.monotonic())
        link.machine.lost(error)

    async def close(self) -> int:
        """End all connections; how many foreground jobs were still waited for."""
        self.closed = True
        links = list(self.open.values())
        unfinished = sum(link.machine.unfinished() for link in links)
        for link in links:
            link.reason = "the client was closed"
        await asyncio.gather(*[link.close() for link in links])
        return unfinished

    def deadline(self, timeout: float | None) -> float | None:
        """When a call that may take ``timeout`` seconds must be over, by the loop's clock; None is never."""
        if timeout is None:
            timeout = self.timeout
        return None if timeout is None else asyncio.get_running_loop().time() + timeout

    def within(self, timeout: float | None, timed_out: TimedOut = no_answer) -> Deadline:
        """Raise JobTimeout when what is inside takes longer than ``timeout`` seconds, or the client's own."""
        return Deadline(self.deadline(timeout), timed_out)


class Deadline:
    """``asyncio.timeout_at`` that raises JobTimeout."""

    def __init__(self, when: float | None, timed_out: TimedOut = no_answer) -> None:
        self.timeout = asyncio.timeout_at(when)
        self.timed_out = timed_out

    async def __aenter__(self) -> None:
        await self.timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.timeout.__aexit__(kind, error, trace)
        except TimeoutError as timeout:
            raise await self.timed_out() from timeout


async def part_at_the_end(connections: Connections) -> AsyncGenerator[None]:
    """Wait for the end of the running loop, which closes its generators, and close its connections."""
    links = connections.open
    try:
        yield
    finally:
        connections.loop = connections.farewell = None
        await asyncio.gather(*[link.close() for link in list(links.values())])


async def wait_answered(pending: Pending) -> None:
    """Wait for the server's direct answer."""
    if pending.answered:
        return
    answered = asyncio.Event()
    pending.wake = answered.set
    while not pending.answered:
        answered.clear()
        await answered.wait()
