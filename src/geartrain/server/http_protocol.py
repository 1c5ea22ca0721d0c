"""HTTP's end of a connection: uvicorn's, with bounds on what a caller may send before anybody knows who it is.

uvicorn's parser keeps a header line of any length and waits for its end for ever. So bytes are counted before it sees
them, and a request has a deadline.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from geartrain.server.server import Server
from geartrain.tls import names_in
from geartrain.web.identity import EXTENSION

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

MOST_HEAD: Final = (
    64 * 1024
)  # bytes of a request beside its body: URL, headers, trailers and the framing of chunks
PARTING: Final = 5.0  # seconds in which a caller that was refused may read why and hang up
MOST_PIPELINED: Final = 8  # requests of a connection that wait for the one before
PIECE: Final = 16 * 1024  # bytes for the parser at a time, so that it makes few requests at once
AROUND: Final = 4  # bytes around the name and the value of a header: a colon, a space and the end of the line
FRAMING: Final = 16  # bytes that a byte of the body may cost in chunks
ABSOLUTE: Final = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)  # what a proxy is asked for


class Http(HttpToolsProtocol):
    """One connection. It also tells the application where that came in, and whose certificate it showed."""

    job_server: Server  # set by the class that ``protocol_for`` makes
    most_head = MOST_HEAD
    told: Mapping[object, object] = {}
    deadline: asyncio.TimerHandle | None = (
        None  # by when the request must be whole; None while none has begun
    )
    unread = b""  # bytes that the parser has not seen
    taken = 0  # bytes of the request so far
    head = 0  # those of its URL, and of its headers and trailers that are whole
    body = 0  # those of them that are its body
    counted = False  # among the connections of the server
    running: RequestResponseCycle | None = (
        None  # the request that is being answered, or was the last; None before
    )
    parted = False  # its last answer is written: what it still says counts for nothing
    unread_answer = 0  # bytes that the caller had not taken when it was looked at last
    look_again: asyncio.TimerHandle | None = None  # None while it takes what it is told

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
        self.drop()
        self.relax()
        self.rest()
        if self.counted:
            self.counted = False
            self.job_server.http_sockets -= 1
        super().connection_lost(exc)

    # Input

    def data_received(self, data: bytes) -> None:
        if not self.is_over():
            self.unread += data
            self.read_on()

    def is_over(self) -> bool:
        """Whether nothing more is taken from this connection."""
        return self.parted or self.transport.is_closing()

    def read_on(self) -> None:
        """Give the parser what it may have: no more while enough requests wait for the one before."""
        unread, self.unread = self.unread, b""
        used = 0
        while used < len(unread) and len(self.pipeline) < MOST_PIPELINED and not self.is_over():
            piece = unread[used : used + PIECE]
            used += len(piece)
            self.taken += len(piece)
            super().data_received(piece)
            if self.taken - self.body * (FRAMING + 1) > self.most_head:
                self.refuse_head(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if used < len(unread) and not self.is_over():
            self.unread = unread[used:]
            self.flow.pause_reading()

    # uvicorn marks the request that came last when the caller is gone, and not the one that it answers.
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.running = cycle
        super()._start_asgi_task(cycle, app)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: dict(self.told)}
        self.expect()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.head += len(url)
        if self.head > self.most_head:
            self.refuse_head(HTTPStatus.REQUEST_URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self.head += len(name) + len(value) + AROUND
        if self.head > self.most_head:
            self.refuse_head(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self.is_over():
            return None
        if sum(name == b"host" for name, _ in self.headers) > 1:
            return self.refuse(HTTPStatus.BAD_REQUEST, "expected one Host")
        target = ABSOLUTE.match(self.url)
        if target:  # RFC 9112, 3.2.2: it says the host, whatever the header says
            self.headers[:] = [field for field in self.headers if field[0] != b"host"]
            self.headers.append((b"host", target[1]))
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self.is_over():
            return None
        self.body += len(body)
        self.job_server.unfinished.bodies += len(body)
        if self.job_server.unfinished.is_passed():
            return self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, self.job_server.unfinished.text())
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.is_over():
            self.relax()
            self.forget_size()
            super().on_message_complete()

    def forget_size(self) -> None:
        """A request is whole, or nobody waits for its rest."""
        self.job_server.unfinished.bodies -= self.body
        self.taken = self.body = self.head = 0

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self.watch()
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
        self.end()

    # The last answer

    def send_400_response(self, msg: str) -> None:
        self.refuse(HTTPStatus.BAD_REQUEST, msg)

    def refuse_head(self, status: HTTPStatus) -> None:
        self.refuse(status, f"expected at most {self.most_head} bytes before the body")

    def refuse(self, status: HTTPStatus, detail: str) -> None:
        """End the connection with an answer, unless one is under way."""
        if self.is_over():
            return
        running = self.running
        if running is None or running.response_complete or not running.response_started:
            self.part(self.refusal(status, detail))
        else:
            self.end()

    def refusal(self, status: HTTPStatus, detail: str) -> bytes:
        """The answer to what is refused before an application sees it."""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: text/plain; charset=utf-8\r\n"
            f"content-length: {len(detail)}\r\nconnection: close\r\n\r\n{detail}"
        )
        return head.encode()

    def part(self, answer: bytes) -> None:
        """Write the last answer; what the caller still says is heard out, or it might not read that."""
        if self.is_over():
            return
        self.parted = True
        self.drop()
        self.relax()
        self.deadline = self.loop.call_later(PARTING, self.hang_up)
        self.transport.write(answer)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()

    def hang_up(self) -> None:
        self.deadline = None
        self.end()

    def end(self) -> None:
        """Close as soon as what is written has been taken."""
        self.drop()
        self.transport.close()
        self.watch()

    def drop(self) -> None:
        """Nothing that was asked is answered any more."""
        self.unread = b""
        self.forget_size()
        for cycle in (self.running, self.cycle, *[cycle for cycle, _ in self.pipeline]):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.waiting_for_100_continue = False
                cycle.message_event.set()
        self.pipeline.clear()

    # Answers that nobody reads

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.rest()

    def watch(self) -> None:
        """See whether the caller takes what waits for it."""
        if self.look_again is None:
            self.unread_answer = self.transport.get_write_buffer_size()
            self.look_again = self.loop.call_later(self.job_server.settings.http_deadline, self.look)

    def look(self) -> None:
        """It has had time."""
        self.look_again = None
        left = self.transport.get_write_buffer_size()
        if left and left >= self.unread_answer:
            self.drop()
            return self.transport.abort()
        if left:
            self.watch()

    def rest(self) -> None:
        if self.look_again is not None:
            self.look_again.cancel()
            self.look_again = None


def protocol_for(server: Server, kind: type[Http] = Http) -> type[Http]:
    """The class of a server's connections."""
    return type("BoundHttp", (kind,), {"job_server": server})
