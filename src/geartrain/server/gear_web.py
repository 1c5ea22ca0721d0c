"""gearmand's HTTP protocol on the job server's loop: its application on the web server that serves the rest."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from geartrain.server.http_keeper import HttpKeeper
from geartrain.server.http_protocol import Http, protocol_for
from geartrain.server.listeners import tune
from geartrain.server.server import Server
from geartrain.server.web import Guarded, Uvicorn, configuration, names_of
from geartrain.web.gear_answer import NEWEST, OLDEST, refusal
from geartrain.web.gear_application import GearApplication
from geartrain.web.identity import EXTENSION

GEAR_HEAD_LIMIT: Final = 16 * 1024  # bytes of a request before its body


class GearHttp(Http):
    """Has answers written in gearmand's form, each the last of its connection."""

    most_head = GEAR_HEAD_LIMIT

    def on_headers_complete(self) -> None:
        self.scope["extensions"][EXTENSION].update(target=self.url, part=self.part)
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        for cycle in (self.running, self.cycle, *[cycle for cycle, _ in self.pipeline]):
            if cycle is not None:  # it refers to us, and memory would wait for the garbage collector
                cycle.scope["extensions"][EXTENSION].pop("part", None)
        super().connection_lost(exc)

    def refusal(self, status: HTTPStatus, detail: str) -> bytes:
        version = OLDEST if self.parser.get_http_version() == "1.0" else NEWEST
        known = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        return refusal(known if status == HTTPStatus.REQUEST_URI_TOO_LONG else status, detail).packed(
            version, "GET"
        )


class GearWeb:
    """``--protocol http``, on listening sockets."""

    def __init__(self, server: Server, listeners: Sequence[socket.socket]) -> None:
        settings = server.settings
        for listener in listeners:
            tune(listener, settings)
        app = GearApplication(
            HttpKeeper(server, listeners), names_of(settings), settings.max_workload, settings.max_output
        )
        self.uvicorn = Uvicorn(configuration(Guarded(app, server), protocol_for(server, GearHttp)), listeners)

    async def start(self) -> None:
        """Answer requests."""
        await self.uvicorn.begin()

    def close(self) -> None:
        """Take no more requests; those that wait for a job wait on."""
        self.uvicorn.close()

    async def stop(self) -> None:
        """End what is left."""
        await self.uvicorn.end()
