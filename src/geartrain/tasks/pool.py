"""The servers that an app's callers talk to."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Protocol
from weakref import WeakKeyDictionary

from geartrain.aio.client import AsyncClient
from geartrain.protocol.servers import Servers
from geartrain.sync.client import Client
from geartrain.tls import Speech


class Pool(Protocol):
    """A pool of servers, and the time there."""

    def client(self) -> Client:
        """A blocking client, the same one every time."""
        ...

    def async_client(self) -> AsyncClient:
        """The client of the running loop."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait before a job is submitted again."""
        ...

    async def async_sleep(self, seconds: float) -> None:
        """The same on a loop."""
        ...


class ServerPool:
    """Real servers; connections come about when they are needed, in every process and loop its own."""

    def __init__(
        self, servers: Servers, timeout: float | None, resubmit: bool, tls: Speech, token: str | None
    ) -> None:
        self.servers = servers
        self.resubmit = resubmit  # as in ``Client``
        self.tls = tls  # the same
        self.token = token  # the same
        self.timeout = timeout  # seconds that a call may take in total, where it does not say
        self.process = os.getpid()  # whose clients these are
        self.blocking: Client | None = None  # None before it is needed
        self.by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient] = WeakKeyDictionary()

    def client(self) -> Client:
        """A blocking client, the same one every time; any thread may use it."""
        self.after_fork()
        if self.blocking is None:
            self.blocking = Client(
                self.servers, timeout=self.timeout, resubmit=self.resubmit, tls=self.tls, token=self.token
            )
        return self.blocking

    def async_client(self) -> AsyncClient:
        """The client of the running loop."""
        self.after_fork()
        loop = asyncio.get_running_loop()
        client = self.by_loop.get(loop)
        if client is None:
            client = AsyncClient(
                self.servers, timeout=self.timeout, resubmit=self.resubmit, tls=self.tls, token=self.token
            )
            self.by_loop[loop] = client
        return client

    def after_fork(self) -> None:
        """A child process must not talk on its parent's connections."""
        if self.process != os.getpid():
            self.process = os.getpid()
            self.blocking = None
            self.by_loop = WeakKeyDictionary()

    def sleep(self, seconds: float) -> None:
        """Wait before a job is submitted again."""
        time.sleep(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """The same on a loop."""
        await asyncio.sleep(seconds)

    def close(self) -> None:
        """End the blocking client's connections."""
        if self.blocking is not None:
            self.blocking.close()
            self.blocking = None

    async def aclose(self) -> None:
        """End the connections of the running loop's client."""
        client = self.by_loop.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()


class Binding:
    """Which pool an app's callers talk to now: ``geartrain.testing`` puts one in memory here."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
