"""The connections of an asyncio worker: kept open by a task for each server, asked for as many jobs as are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque

from geartrain.aio.link import Link
from geartrain.aio.network import AsyncNetwork
from geartrain.errors import ConnectError, ConnectionLost
from geartrain.printable import printable
from geartrain.protocol.assignment import Assignment
from geartrain.protocol.servers import Server, ServerList
from geartrain.protocol.settings import PING_TIMEOUT
from geartrain.protocol.worker import REGRAB_AFTER, Offer, WorkerProtocol

WorkerLink = Link[WorkerProtocol]
Taker = asyncio.Future[tuple[WorkerLink, Assignment] | None]

log = logging.getLogger("geartrain.worker")


class WorkerConnections:
    """What a worker has of its servers: connections come about by themselves, again and again."""

    def __init__(
        self, servers: ServerList, offer: Offer, connect_timeout: float, network: AsyncNetwork
    ) -> None:
        self.servers = servers
        self.offer = offer  # the worker's: a new connection offers what it offers then
        self.connect_timeout = connect_timeout
        self.network = network
        self.open: list[WorkerLink] = []
        self.keepers: list[asyncio.Task[None]] = []  # one for each server
        self.wanted: deque[Taker] = deque()  # who waits for a job
        self.turn = 0  # of the servers, in asking for jobs
        self.news = asyncio.Event()  # bytes came in, or a connection ended

    def start(self) -> None:
        """Begin to connect."""
        if not self.keepers:
            self.keepers = [asyncio.create_task(self.keep(server)) for server in self.servers.servers]

    async def keep(self, server: Server) -> None:
        """Keep a connection to a server, as long as the worker lives."""
        while True:
            protocol = WorkerProtocol(server.name, self.offer)
            link = Link(server, protocol, self.look, self.lost)
            try:
                await self.network.connect(link, self.connect_timeout)
            except ConnectError as error:
                self.servers.failed(server, time.monotonic())
                log.warning("%s; next try in %.1f s", error, server.retry_at - time.monotonic())
            else:
                server.worked()
                self.open.append(link)
                self.look()
                await self.wait_lost(link)
            await asyncio.sleep(server.retry_at - time.monotonic())

    async def wait_lost(self, link: WorkerLink) -> None:
        """Wait for the end of a connection; ask for a job from time to time, should a NOOP have been lost."""
        while not link.lost.is_set():
            try:
                async with asyncio.timeout(REGRAB_AFTER):
                    await link.lost.wait()
            except TimeoutError:
                link.machine.asleep = False
                self.look()

    def lost(self, link: WorkerLink, error: ConnectionLost) -> None:
        """A connection ended; the server queues its running jobs again."""
        link.machine.lost()
        if link in self.open:
            self.open.remove(link)
            self.servers.failed(link.server, time.monotonic())
            log.warning("%s", error)
        self.news.set()

    async def next_job(self) -> tuple[WorkerLink, Assignment] | None:
        """Wait for a job; None after ``release``."""
        self.start()
        job: Taker = asyncio.get_running_loop().create_future()
        self.wanted.append(job)
        self.look()
        try:
            return await job
        except asyncio.CancelledError:
            if job in self.wanted:
                self.wanted.remove(job)
            if not job.cancelled():
                self.give_back(job.result())
            raise

    def give_back(self, taken: tuple[WorkerLink, Assignment] | None) -> None:
        """Keep a job, whose taker was cancelled meanwhile, for the next one."""
        if taken is not None:
            link, assignment = taken
            link.machine.assigned.appendleft(assignment)
            self.look()

    def release(self) -> None:
        """Let those who wait for a job go without."""
        while self.wanted:
            job = self.wanted.popleft()
            if not job.done():
                job.set_result(None)

    def look(self) -> None:
        """Hand out the jobs that came, and ask for as many as are wanted."""
        self.news.set()
        for link in self.open:
            self.hand_out(link)
            for reason in link.machine.take_denied():
                log.error("%s does not allow it: %s", link.server.name, printable(reason))
        missing = len(self.wanted) - sum(link.machine.grabbing for link in self.open)
        for _ in range(len(self.open)):
            self.turn = (self.turn + 1) % len(self.open)
            link = self.open[self.turn]
            if missing > 0 and not link.machine.asleep:
                missing -= link.machine.seek(missing)
            if link.machine.outgoing:
                link.flush_soon()

    def hand_out(self, link: WorkerLink) -> None:
        """Give jobs to those who wait for one."""
        assigned = link.machine.assigned
        while assigned and self.wanted:
            job = self.wanted.popleft()
            if not job.done():
                job.set_result((link, assigned.popleft()))

    async def settled(self, link: WorkerLink, assignment: Assignment) -> None:
        """Wait until the job's last packet is on the way, or its connection is lost."""
        link.flush_soon()
        while not assignment.settled and not link.lost.is_set():
            self.news.clear()
            await self.news.wait()

    async def ping(self) -> dict[str, float]:
        """Seconds that each server takes to answer; one that does not in ``PING_TIMEOUT`` is missing."""
        links = list(self.open)
        seconds = await asyncio.gather(*[self.echo(link) for link in links])
        return {
            link.server.name: taken for link, taken in zip(links, seconds, strict=True) if taken is not None
        }

    async def echo(self, link: WorkerLink) -> float | None:
        """Seconds that a server takes to answer ECHO_REQ; None where it does not in time, or its connection is lost."""
        begin = time.perf_counter()
        echoes = link.machine.echoes
        link.machine.echo(b"ping")
        link.flush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PING_TIMEOUT):
                while link.machine.echoes == echoes and not link.lost.is_set():
                    self.news.clear()
                    await self.news.wait()
        return time.perf_counter() - begin if link.machine.echoes > echoes else None

    async def close(self) -> None:
        """Take leave of every server."""
        for keeper in self.keepers:
            keeper.cancel()
        await asyncio.gather(*self.keepers, return_exceptions=True)
        self.keepers = []
        links, self.open = self.open, []
        for link in links:
            link.machine.reset_abilities()
        await asyncio.gather(*[link.close() for link in links])
