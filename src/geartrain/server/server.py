"""Server: the broker on a loop; it begins and ends the turns, and is the only one that writes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Final

from geartrain.broker.broker import Broker, Rules
from geartrain.broker.deadlines import NEVER
from geartrain.broker.durability import adopt
from geartrain.broker.model import Connection
from geartrain.broker.session import end_turn
from geartrain.server.acceptor import Acceptor
from geartrain.server.committer import Committer
from geartrain.server.farewell import Farewell
from geartrain.server.peer import Peer
from geartrain.server.settings import Settings
from geartrain.store import Store
from geartrain.version import __version__

ARGUMENTS_LIMIT: Final = 64 * 1024  # bytes of a packet beside its workload
HIGH_WATER: Final = 4 * 1024 * 1024  # bytes a peer may leave unread before we stop reading from it
LAST_MOMENT: Final = 1.0  # seconds in which what was written last may arrive, when the server ends


class Server:
    """A job server on the running loop.

    All that was read in one pass of the loop is one *turn*: the broker hears of it at once, and each connection that
    has something to hear is written to once, when the turn ends.
    """

    def __init__(self, settings: Settings, log: logging.Logger, store: Store | None = None) -> None:
        self.settings = settings
        self.log = log
        self.broker = Broker(rules_of(settings), store is not None)
        self.committer = Committer(store, self.broker, self.write) if store is not None else None
        self.peers: dict[Connection, Peer] = {}
        self.leaving: list[Peer] = []  # those whose connection ends with the turn
        self.farewells: set[asyncio.Future[None]] = set()  # connections that end
        self.payload_limit = settings.max_workload + ARGUMENTS_LIMIT
        self.high_water = min(HIGH_WATER, settings.max_output)
        self.loop = asyncio.get_running_loop()
        self.acceptor = Acceptor(self)
        self.in_turn = False
        self.turned = asyncio.Event()
        self.alarm: asyncio.TimerHandle | None = None  # None while the broker waits for nothing
        self.begin_turn()

    # Life

    async def start(self, listeners: Sequence[socket.socket]) -> None:
        """Queue what the store kept, and accept connections on bound sockets."""
        if self.committer is not None:
            async for record in self.committer.store.load():
                adopt(self.broker, record)
        self.acceptor.open(listeners)

    async def stop(self, grace: float) -> None:
        """Take no more connections and jobs, give running jobs ``grace`` seconds, and close everything."""
        self.acceptor.close()
        self.broker.stop()
        try:
            async with asyncio.timeout(grace):
                await self.until(lambda: not self.broker.is_running_jobs())
        except TimeoutError:
            self.log.warning("stopped with running jobs: the grace of %g seconds is over", grace)
        self.end_turn()
        if self.committer is not None:
            await self.committer.close()
        await self.part_with_all()
        if self.alarm is not None:
            self.alarm.cancel()

    async def finish(self) -> None:
        """Take no more connections, and return when no job is left."""
        self.acceptor.close()
        await self.until(lambda: not self.broker.jobs)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for the turn after which something holds."""
        while not reached():
            self.turned.clear()
            await self.turned.wait()

    # Parting

    async def part_with_all(self) -> None:
        """End all connections; what was written to them gets a moment to arrive."""
        for peer in self.peers.values():
            self.part(peer)
        self.peers.clear()
        if self.farewells:
            await asyncio.wait(self.farewells, timeout=LAST_MOMENT)

    def part_with_leaving(self) -> None:
        """End the connections of those who left and have nothing more to hear."""
        leaving, self.leaving = self.leaving, []
        for peer in leaving:
            if self.committer is not None and self.committer.holds(peer.connection):
                self.leaving.append(peer)
            elif peer.silent:
                peer.transport.close()
            elif self.peers.pop(peer.connection, None) is not None:
                self.part(peer)

    def part(self, peer: Peer) -> None:
        farewell = Farewell(peer.transport, self.loop).over
        self.farewells.add(farewell)
        farewell.add_done_callback(self.farewells.discard)

    # Turns

    def begin_turn(self) -> None:
        """Tell the broker the time, once a turn, and see to it that the turn ends."""
        if self.in_turn:
            return
        self.in_turn = True
        self.broker.set_time(self.loop.time(), time.time())
        self.loop.call_soon(self.end_turn)

    def end_turn(self) -> None:
        """Do what is due, and write to everybody who has something to hear."""
        self.in_turn = False
        broker = self.broker
        end_turn(broker)
        self.write_all()
        if self.leaving:
            self.part_with_leaving()
        if broker.notices:
            self.write_notices()
        self.set_alarm(broker.wait())
        self.turned.set()

    def write_all(self) -> None:
        """The one write of the turn to each peer, but for those that must wait for the store."""
        committer = self.committer
        for connection in self.broker.dirty:
            peer = self.peers.get(connection)
            if peer is None or not connection.outgoing:
                continue
            if committer is None or not committer.hold(connection):
                peer.write(connection.take_outgoing())
        self.broker.dirty.clear()
        if committer is not None:
            committer.end_turn()

    def set_alarm(self, wait: float) -> None:
        """Begin a turn in ``wait`` seconds, if none comes before."""
        if wait == NEVER:
            return
        due = self.loop.time() + wait
        if self.alarm is not None:
            if self.alarm.when() <= due:
                return
            self.alarm.cancel()
        self.alarm = self.loop.call_at(due, self.ring)

    def ring(self) -> None:
        """The alarm went off."""
        self.alarm = None
        self.begin_turn()

    def write(self, connection: Connection, packets: bytes) -> None:
        """Write what was held back, if the peer is still there."""
        peer = self.peers.get(connection)
        if peer is not None:
            peer.write(packets)
        if self.leaving:
            self.begin_turn()

    def write_notices(self) -> None:
        for notice in self.broker.notices:
            self.log.warning(notice)
        self.broker.notices.clear()


def rules_of(settings: Settings) -> Rules:
    """The settings that the broker is told."""
    prefix = settings.job_handle_prefix or f"H:{socket.gethostname()}"
    return Rules(
        prefix=prefix.encode(),
        job_retries=settings.job_retries,
        worker_wakeup=1 if settings.worker_wakeup is None else settings.worker_wakeup,
        wakes_more=settings.worker_wakeup is None,
        exceptions=settings.exceptions,
        max_unique=settings.max_unique,
        timeout_in_seconds=settings.worker_timeout_unit == "s",
        version=__version__.encode(),
        pid=os.getpid(),
        verbose=settings.verbose.encode(),
    )
