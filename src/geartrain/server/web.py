"""The web server on the job server's loop: uvicorn around the application in ``web/``."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.lifespan.off import LifespanOff

from geartrain.server.http_keeper import HttpKeeper
from geartrain.server.http_protocol import Http, protocol_for
from geartrain.server.readings import ServerReadings
from geartrain.server.server import Server
from geartrain.server.settings import Settings
from geartrain.web.application import application
from geartrain.web.callers import Unheard
from geartrain.web.feeds import Feeds
from geartrain.web.live import Live
from geartrain.web.ports import Surroundings
from geartrain.web.sampler import Sampler
from geartrain.web.streams import Streams

IDLE: Final = 30  # seconds for which a connection may wait for its next request


class Uvicorn(uvicorn.Server):
    """uvicorn on listening sockets, without a signal handler and a loop of its own."""

    def __init__(self, config: uvicorn.Config, listeners: Sequence[socket.socket]) -> None:
        super().__init__(config)
        self.listeners = list(listeners)

    # uvicorn's own is made a context manager by a decorator, whose type is another one.
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def begin(self) -> None:
        """Answer requests."""
        self.lifespan = LifespanOff(self.config)
        await self.startup(self.listeners)

    def close(self) -> None:
        """Take no more requests; those that are under way go on."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    async def end(self) -> None:
        """End what is left."""
        await self.shutdown(self.listeners)


class Web:
    """The API, the page and what monitors ask, on listening sockets."""

    def __init__(self, server: Server, readings: ServerReadings, listeners: Sequence[socket.socket]) -> None:
        settings = server.settings
        self.pulse = readings.pulse
        self.sampler = Sampler(server.admit)
        self.stopping = asyncio.Event()
        keeper = HttpKeeper(server, listeners)
        around = Surroundings(
            keeper,
            server.connections,
            names_of(settings),
            settings.http_prefix,
            settings.max_workload,
            settings.max_output,
            readings,
            self.sampler,
            Live(server.admit),
            settings.metrics_functions,
            Streams(settings.http_streams, self.stopping),
            Feeds(keeper),
            server.log,
        )
        app = Guarded(application(around), server)
        self.uvicorn = Uvicorn(configuration(app, protocol_for(server)), listeners)
        if settings.http_tls and server.certificates is not None:
            self.uvicorn.config.ssl = server.certificates.current_context()
        self.clock: asyncio.Task[None] | None = None  # None before the start

    async def start(self) -> None:
        """Answer requests."""
        await self.uvicorn.begin()
        self.clock = asyncio.create_task(self.tell_date())
        self.pulse.start()
        self.sampler.start()

    async def tell_date(self) -> None:
        """Keep the Date of answers right."""
        while True:
            await self.uvicorn.on_tick(0)
            await asyncio.sleep(1)

    def close(self) -> None:
        """Take no more requests; streams end, and those that wait for a job wait on."""
        self.stopping.set()
        self.sampler.stop()
        self.uvicorn.close()

    async def stop(self) -> None:
        """End what is left."""
        self.pulse.stop()
        await self.uvicorn.end()
        if self.clock is not None:
            self.clock.cancel()
            with suppress(asyncio.CancelledError):
                await self.clock


class Guarded:
    """The application; an exception that nobody expected is told and counted as those of other peers are."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self.app = app
        self.server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except Exception as error:  # whatever it is: the caller has heard of it, or its connection ends
            self.server.accident("an HTTP call", error)


def names_of(settings: Settings) -> frozenset[str]:
    """The hosts by which a browser may call this server, beside addresses."""
    names = ("localhost", socket.gethostname(), socket.getfqdn(), *settings.http_name)
    return frozenset(name.lower() for name in names)


def configuration(app: ASGIApp, protocol: type[Http]) -> uvicorn.Config:
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what strangers send is no warning of ours
    config = uvicorn.Config(
        Unheard(app),
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=1,
    )
    config.load()
    return config
