"""A pool of job servers in memory, with a clock that the test sets."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from weakref import WeakKeyDictionary, WeakValueDictionary

from geartrain.aio.client import AsyncClient
from geartrain.aio.link import AnyMachine, Link
from geartrain.errors import ConnectError, JobTimeout
from geartrain.protocol.servers import Server
from geartrain.sync.client import Client
from geartrain.sync.worker import Worker
from geartrain.tasks.app import App
from geartrain.testing.links import MemoryLink, MemoryTransport
from geartrain.testing.server import MemoryServer


class MemoryPool:
    """Job servers without sockets: the real broker, clients and worker, and time that passes by ``advance`` only.

    Where a call waits for a job, the apps that are bound to the pool do the work meanwhile; a wait that nothing can
    end raises JobTimeout at once.
    """

    def __init__(self, servers: int = 1) -> None:
        self.passed = 0.0  # seconds
        self.begin = float(
            int(time.time())
        )  # whole seconds, as the wire has them: a delay ends when it should
        self.servers = [MemoryServer(f"memory-{number}:4730", self.begin) for number in range(servers)]
        self.network = MemoryNetwork(self)
        self.async_network = AsyncMemoryNetwork(self)
        self.apps: list[App] = []  # bound
        self.depth = 0  # of tasks that run while another task waits for them
        self.by_depth: list[Client] = []  # a client that waits cannot be asked by what it waits for
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient] = WeakKeyDictionary()

    # What a test does

    @property
    def now(self) -> datetime:
        """The time in the pool."""
        return datetime.fromtimestamp(self.begin + self.passed, UTC)

    def advance(self, seconds: float) -> None:
        """Let time pass: delayed jobs become due, time limits end."""
        self.passed += seconds
        for server in self.servers:
            server.set_time(self.passed, self.begin + self.passed)

    def work(self, app: App) -> int:
        """Run here every job of the app's tasks that can be run now, one after the other; how many they were."""
        jobs = 0
        with self.worker(app) as worker:
            while self.work_once(worker):
                jobs += 1
        return jobs

    def set_policy(self, function: str, **fields: object) -> None:
        """Set fields of a function's policy at every server, such as ``keep_result=60``; raises SettingsError."""
        for server in self.servers:
            server.set_policy(function, fields)

    def stop(self, server: int) -> None:
        """Stop a server: its connections break, its background jobs wait for ``start``."""
        self.servers[server].stop()

    def start(self, server: int) -> None:
        """Start a server that was stopped; the pool's clients know at once."""
        self.servers[server].running = True
        lists = [client.connections.servers for client in self.by_depth]
        lists += [client.connections.servers for client in self.by_loop.values()]
        for known in lists:
            known.servers[server].worked()

    @contextmanager
    def bind(self, app: App) -> Iterator[Self]:
        """Have an app's callers talk to this pool."""
        before = app.binding.pool
        app.binding.pool = self
        self.apps.append(app)
        try:
            yield self
        finally:
            self.apps.remove(app)
            app.binding.pool = before

    # What callers of tasks need of a pool

    def client(self) -> Client:
        """A blocking client of the pool, the same one every time; a task that another one waits for has its own."""
        while len(self.by_depth) <= self.depth:
            client = Client([server.name for server in self.servers])
            client.connections.network = self.network
            self.by_depth.append(client)
        return self.by_depth[self.depth]

    def async_client(self) -> AsyncClient:
        """The pool's client of the running loop."""
        loop = asyncio.get_running_loop()
        client = self.by_loop.get(loop)
        if client is None:
            client = self.by_loop[loop] = AsyncClient([server.name for server in self.servers])
            client.connections.network = self.async_network
        return client

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.advance(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.advance(seconds)

    def close(self) -> None:
        """End the blocking clients' connections."""
        for client in self.by_depth:
            client.close()
        self.by_depth.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Work

    @contextmanager
    def worker(self, app: App) -> Iterator[Worker]:
        """A worker for the app's tasks, at the servers that run."""
        names = [server.name for server in self.servers if server.running] or [self.servers[0].name]
        with Worker(names, id="memory") as worker:
            worker.connections.network = self.network
            app.add_to(worker)
            yield worker

    def work_once(self, worker: Worker) -> bool:
        """Run a job, if there is one."""
        worker.connections.wake()  # it ends its wait before it has begun
        return worker.work()

    def work_for_waiting(self) -> bool:
        """Run a job of any bound app, if there is one."""
        self.depth += 1
        try:
            return any(self.work_a_job(app) for app in self.apps)
        finally:
            self.depth -= 1

    def work_a_job(self, app: App) -> bool:
        """Run a job of the app, if there is one."""
        with self.worker(app) as worker:
            return self.work_once(worker)

    def wait(self, deadline: float | None) -> None:
        """Bring news to whoever waits, or raise JobTimeout: it would wait for ever, or until its deadline."""
        remaining = math.inf if deadline is None else max(0.0, deadline - time.monotonic())
        if self.work_for_waiting() or self.skip_to_wanted(remaining):
            return
        if deadline is not None:
            self.advance(remaining)
            if self.work_for_waiting():
                return
        raise JobTimeout(
            "nobody in the pool does what is waited for: no bound app has the task, or it failed to end"
        )

    def work_while_waiting(self, transport: MemoryTransport) -> None:
        """Work until a connection has all its results, as far as bound apps can bring them."""
        while transport.expects_result() and (self.work_for_waiting() or self.skip_to_wanted(math.inf)):
            pass

    def skip_to_wanted(self, most: float) -> bool:
        """Let time pass until a job runs again that somebody waits for, if that takes at most so many seconds."""
        seconds = min(server.next_wanted() for server in self.servers)
        if seconds == math.inf or seconds > most:
            return False
        self.advance(seconds)
        return True

    def server(self, name: str) -> MemoryServer:
        """The running server of that name; raises ConnectError."""
        for server in self.servers:
            if server.name == name and server.running:
                return server
        raise ConnectError(f"cannot connect to {name}: the server is stopped", server=name)


class MemoryNetwork:
    """The pool as the blocking shell reaches it."""

    def __init__(self, pool: MemoryPool) -> None:
        self.pool = pool
        self.links: WeakValueDictionary[int, MemoryLink] = WeakValueDictionary()  # by descriptor
        self.last_descriptor = 0  # they are negative, unlike those of real files

    def connect(self, server: Server, timeout: float) -> MemoryLink:
        """A new connection; raises ConnectError."""
        self.last_descriptor -= 1
        link = MemoryLink(server, self.pool.server(server.name), self.last_descriptor, self.pool.wait)
        self.links[link.descriptor] = link
        return link

    def poll(self, events: Mapping[int, int], deadline: float | None) -> set[int]:
        """The links that can be read from; without any, the real descriptors: they are rung when it is time."""
        mine = [descriptor for descriptor in events if descriptor in self.links]
        real = events.keys() - mine
        while True:
            readable = {descriptor for descriptor in mine if self.links[descriptor].readable()}
            if readable or real:
                return readable or set(real)
            self.pool.wait(deadline)

    def time(self) -> float:
        """Unix time in the pool."""
        return self.pool.begin + self.pool.passed

    def sleep(self, seconds: float, deadline: float | None) -> None:
        """Let bound apps do what is waited for; raises JobTimeout where they cannot."""
        self.pool.wait(deadline)


class AsyncMemoryNetwork:
    """The pool as the asyncio shell reaches it."""

    def __init__(self, pool: MemoryPool) -> None:
        self.pool = pool

    async def connect(self, link: Link[AnyMachine], timeout: float) -> None:
        """Have the link's connection come about; raises ConnectError."""
        MemoryTransport(self.pool.server(link.server.name), link, self.pool.work_while_waiting)

    def time(self) -> float:
        """Unix time in the pool."""
        return self.pool.begin + self.pool.passed

    async def sleep(self, seconds: float) -> None:
        """Let bound apps do what is waited for, or other coroutines."""
        await asyncio.sleep(0.0 if self.pool.work_for_waiting() else seconds)


@contextmanager
def bind(app: App, servers: int = 1) -> Iterator[MemoryPool]:
    """Have an app's callers talk to a new pool in memory, for the time of the block."""
    with MemoryPool(servers) as pool, pool.bind(app):
        yield pool
