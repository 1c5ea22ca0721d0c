"""The end of a server, as signals ask for it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Final

from geartrain.server.listeners import remove_socket_files
from geartrain.server.log import NOTICE
from geartrain.server.notify import Notifier
from geartrain.server.server import Server
from geartrain.server.settings import Settings

if TYPE_CHECKING:
    from geartrain.server.gear_web import GearWeb
    from geartrain.server.web import Web

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)


class End:
    """How a server ends: the latest signal says how."""

    def __init__(
        self, server: Server, settings: Settings, webs: Sequence[Web | GearWeb], notifier: Notifier
    ) -> None:
        self.server = server
        self.settings = settings
        self.webs = webs
        self.notifier = notifier
        self.reached = asyncio.Event()
        self.stopping = False
        self.way: asyncio.Task[None] | None = None  # None while the server is to go on

    def watch_signals(self, hang_up: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for number, act in zip(SIGNALS, (self.stop, self.stop, self.finish, hang_up), strict=True):
            loop.add_signal_handler(number, act)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)

    def stop(self) -> None:
        """End when the running jobs are done or their grace is over; asked again, end at once."""
        grace = 0.0 if self.stopping else self.settings.grace
        self.stopping = True
        self.server.log.log(NOTICE, "stopping", extra={"grace": grace})
        self.begin(self.stop_all(grace))

    def finish(self) -> None:
        """End when no job is left."""
        if self.stopping:
            return
        self.server.log.log(NOTICE, "finishing", extra={"until": "no job is left"})
        self.begin(self.finish_and_stop())

    async def finish_and_stop(self) -> None:
        await self.server.finish()
        await self.stop_all(self.settings.grace)

    async def stop_all(self, grace: float) -> None:
        """Stop the server, and the web servers around it: who waits for a job there hears of its end."""
        for web in self.webs:
            web.close()
        await self.server.stop(grace)
        for web in self.webs:
            await web.stop()

    def begin(self, way: Coroutine[None, None, None]) -> None:
        """End in this way, rather than in the one that was begun before."""
        if self.way is None:
            # At once, because the next server may listen there as soon as this one does not.
            remove_socket_files(self.settings)
            self.notifier.stopping()
        else:
            self.way.cancel()
        self.way = asyncio.create_task(way)
        self.way.add_done_callback(self.ended)

    def ended(self, way: asyncio.Task[None]) -> None:
        if way.cancelled():
            return
        if way.exception() is not None:
            self.server.log.error("the end went wrong", exc_info=way.exception())
        self.reached.set()
