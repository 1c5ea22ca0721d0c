"""HTTP's end of a connection: uvicorn's, with bounds on what a caller may send before anybody knows who it is.

uvicorn's parser keeps a header line of any length and waits for its end for ever. So bytes are counted before it sees
them, and a request has a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from geartrain.server.server import Server
from geartrain.tls import names_in
from geartrain.web.identity import EXTENSION

MOST_HEAD: Final = (
    64 * 1024
)  # bytes of a request beside its body: URL, headers, trailers and the framing of chunks
MOST_PIPELINED: Final = 8  # requests of a connection that wait for the one before
MOST_BODIES: Final = 512 * 1024 * 1024  # bytes of the bodies of all connections that are not whole
PIECE: Final = 16 * 1024  # bytes for the parser at a time, so that it makes few requests at once
FRAMING: Final = 16  # bytes that a byte of the body may cost in chunks


class Http(HttpToolsProtocol):
    """One connection. It also tells the application where that came in, and whose certificate it showed."""

    job_server: Server  # set by the class that ``protocol_for`` makes
    told: Mapping[object, object] = {}
    deadline: asyncio.TimerHandle | None = (
        None  # by when the request must be whole; None while none has begun
    )
    unread = b""  # bytes that the parser has not seen
    taken = 0  # bytes of the request so far
    head = 0  # those of its headers and trailers that are whole
    body = 0  # those of them that are its body
    counted = False  # among the connections of the server

    # asyncio calls it with any transport, uvicorn wants one that writes, too.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self.job_server.has_room():
            return self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections: see --max-connections")
        self.counted = True
        self.job_server.http_sockets += 1
        tls = transport.get_extra_info("ssl_object")
        names = names_in(tls.getpeercert() or {}) if tls is not None else ()
        self.told = {"address": transport.get_extra_info("sockname"), "certificates": names}
        self.expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self.relax()
        self.unread = b""
        self.job_server.http_bodies -= self.body
        self.body = 0
        if self.counted:
            self.counted = False
            self.job_server.http_sockets -= 1
        super().connection_lost(exc)

    # Input

    def data_received(self, data: bytes) -> None:
        self.unread += data
        self.read_on()

    def read_on(self) -> None:
        """Give the parser what it may have: no more while enough requests wait for the one before."""
        unread, self.unread = self.unread, b""
        used = 0
        while used < len(unread) and len(self.pipeline) < MOST_PIPELINED and not self.transport.is_closing():
            piece = unread[used : used + PIECE]
            used += len(piece)
            self.taken += len(piece)
            super().data_received(piece)
            if self.taken - self.body * (FRAMING + 1) > MOST_HEAD:
                self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"expected at most {MOST_HEAD} bytes")
        if used < len(unread) and not self.transport.is_closing():
            self.unread = unread[used:]
            self.flow.pause_reading()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: dict(self.told)}
        self.expect()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > MOST_HEAD:
            self.refuse(HTTPStatus.REQUEST_URI_TOO_LONG, f"expected a URL of at most {MOST_HEAD} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self.head += len(name) + len(value)
        if self.head > MOST_HEAD:
            self.refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"expected at most {MOST_HEAD} bytes")

    def on_headers_complete(self) -> None:
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.transport.is_closing():
            return None
        self.body += len(body)
        self.job_server.http_bodies += len(body)
        if self.job_server.http_bodies > MOST_BODIES:
            return self.refuse(
                HTTPStatus.SERVICE_UNAVAILABLE, f"bodies over {MOST_BODIES} bytes are under way"
            )
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.relax()
        self.job_server.http_bodies -= self.body
        self.taken = self.body = self.head = 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.unread:
            self.loop.call_soon(self.read_on)

    # The deadline

    def expect(self) -> None:
        """A request has to be whole in time; a connection that says nothing as well."""
        if self.deadline is None:
            self.deadline = self.loop.call_later(self.job_server.settings.http_deadline, self.run_out)

    def relax(self) -> None:
        """A request is whole, or nothing more comes."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def run_out(self) -> None:
        """The time is over; where we do not read for now, it is not the caller's fault."""
        self.deadline = None
        if self.flow.read_paused:
            return self.expect()
        self.transport.close()

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        """End the connection with an answer, unless one is under way."""
        if self.transport.is_closing():
            return
        self.unread = b""
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
                f"content-length: {len(detail)}\r\nconnection: close\r\n\r\n{detail}"
            )
            self.transport.write(head.encode())
        self.transport.close()


def protocol_for(server: Server) -> type[Http]:
    """The class of a server's connections."""
    return type("BoundHttp", (Http,), {"job_server": server})
