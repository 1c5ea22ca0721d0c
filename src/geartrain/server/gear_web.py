"""gearmand's HTTP protocol on the job server's loop."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from geartrain.server.http_keeper import HttpKeeper
from geartrain.server.listeners import tune
from geartrain.server.server import Server
from geartrain.web.gear_listener import GearListener


class GearWeb:
    """``--protocol http``, on listening sockets."""

    def __init__(self, server: Server, listeners: Sequence[socket.socket]) -> None:
        settings = server.settings
        self.server = server
        self.sockets = listeners
        self.listener = GearListener(
            HttpKeeper(server, listeners), settings.max_workload, settings.max_output, server.log
        )

    async def start(self) -> None:
        """Answer requests."""
        for listener in self.sockets:
            tune(listener, self.server.settings)
            await self.listener.open(listener, self.server.settings.backlog)

    def close(self) -> None:
        """Take no more requests; those that wait for a job wait on."""
        self.listener.stop()

    async def stop(self) -> None:
        """End what is left."""
        await self.listener.close()
