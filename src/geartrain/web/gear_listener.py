"""gearmand's HTTP protocol on a listener of its own: one request a connection, one job a request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from socket import socket
from typing import Final

from geartrain.errors import ConnectionLost, ProtocolError, ServerError
from geartrain.protocol.commands import SEPARATORS
from geartrain.protocol.packet import LARGEST_PAYLOAD, RESPONSE, PacketStream, completed
from geartrain.web.gear_answer import Answer, Outcome, refusal
from geartrain.web.gear_request import Request, read_request
from geartrain.web.ports import Identity, Inside, Keeper

HEAD_LIMIT: Final = 16 * 1024  # bytes of the request's lines
PATIENCE: Final = 30.0  # seconds that a client may take for the head, and for each piece of the body
SENDING: Final = 600.0  # seconds that a client may take to read its answer
PARTING: Final = 5.0  # seconds in which a client that was told its answer may hang up by itself
PENALTY: Final = 1.0  # seconds that a wrong token costs
LAST_MOMENT: Final = 1.0  # seconds in which answers may be sent when the server ends
PIECE: Final = 64 * 1024  # bytes of a body at a time
GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

Packet = tuple[int, list[bytes]]  # a type and its arguments


class GearListener:
    """Takes jobs over HTTP as gearmand's plugin does.

    A client that hangs up has left, and its job is one client poorer, as with packets.
    """

    def __init__(self, keeper: Keeper, workload_limit: int, result_limit: int, log: logging.Logger) -> None:
        self.keeper = keeper
        self.workload_limit = workload_limit  # bytes
        self.result_limit = result_limit  # bytes
        self.log = log
        self.servers: list[asyncio.Server] = []
        self.talks: set[asyncio.Task[None]] = set()

    async def open(self, listener: socket, backlog: int) -> None:
        """Accept connections on a bound socket."""
        server = await asyncio.start_server(self.welcome, sock=listener, limit=HEAD_LIMIT, backlog=backlog)
        self.servers.append(server)

    def stop(self) -> None:
        """Accept no more connections; those that wait for a job's result go on."""
        for server in self.servers:
            server.close()

    async def close(self) -> None:
        """End all connections."""
        self.stop()
        if self.talks:
            await asyncio.wait(self.talks, timeout=LAST_MOMENT)
        for talk in self.talks:
            talk.cancel()

    def welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new client; who it is, its connection tells only while it is there."""
        talk = asyncio.get_running_loop().create_task(self.talk(self.identify(writer), reader, writer))
        self.talks.add(talk)
        talk.add_done_callback(self.talks.discard)

    async def talk(
        self, identity: Identity, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request, and close."""
        try:
            await self.serve(identity, reader, writer)
        except (OSError, asyncio.IncompleteReadError) as error:  # TimeoutError is one, too
            self.log.info("HTTP client left", extra={"host": identity.host, "reason": repr(error)})
            writer.transport.abort()
        finally:
            writer.close()

    async def serve(
        self, identity: Identity, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        request = await self.read_head(reader)
        answer = request.refusal
        if answer is None:
            if request.continues:
                say(writer, GO_ON)
            body = await read_body(reader, request.length)
            try:
                answer = await self.submit(identity, request, body, reader)
            except ServerError as error:
                answer = refusal(503, str(error))
        if answer is not None:
            say(writer, answer.packed(request.version, request.method))
            await part(reader, writer)

    async def read_head(self, reader: asyncio.StreamReader) -> Request:
        """The request before its body; one that does not come in time or is too long is refused."""
        lines: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    line = await read_line(reader)
                    size += len(line)
                    if size > HEAD_LIMIT:
                        return refused_head(
                            431, f"the request has more than {HEAD_LIMIT} bytes before its body"
                        )
                    line = line.rstrip(b"\r\n")
                    if not line and lines:
                        return read_request(lines, self.workload_limit)
                    if line:
                        lines.append(line)
        except ValueError:
            return refused_head(431, f"a line of the request has more than {HEAD_LIMIT} bytes")
        except TimeoutError:
            return refused_head(408, f"the request did not come within {PATIENCE:g} seconds")

    async def submit(
        self, identity: Identity, request: Request, body: bytes, reader: asyncio.StreamReader
    ) -> Answer | None:
        """What becomes of a job; None where its client hangs up before."""
        if request.token and self.keeper.guards():
            digest = self.keeper.digest(identity, request.token)
            if not digest:
                await asyncio.sleep(PENALTY)
                return refusal(401, "the token is none of this server's")
            identity = identity._replace(digest=digest)
        peer = self.keeper.admit(identity)
        result = asyncio.ensure_future(answer_of(peer, request, body, self.result_limit))
        left = asyncio.ensure_future(read_to_end(reader))
        try:
            await asyncio.wait((result, left), return_when=asyncio.FIRST_COMPLETED)
            return result.result() if result.done() else None
        finally:
            result.cancel()
            left.cancel()
            peer.close()
            await asyncio.wait((result, left))  # nobody else may read before that has ended

    def identify(self, writer: asyncio.StreamWriter) -> Identity:
        """Who a client is, as far as its connection tells."""
        return Identity(host_of(writer), self.keeper.listener(writer.get_extra_info("sockname")))


async def answer_of(peer: Inside, request: Request, body: bytes, limit: int) -> Answer:
    """Submit a job and wait for what is to be said of it."""
    outcome = Outcome(request.background, limit)
    heard: list[Packet] = []
    stream = PacketStream[list[Packet]](RESPONSE, COLLECT, misdirected, short, text_line, LARGEST_PAYLOAD)
    peer.say(request.submit(body))
    while True:
        try:
            stream.receive(heard, await peer.hear())
        except (ConnectionLost, ProtocolError) as error:
            return refusal(503, str(error))
        for command, arguments in heard:
            answer = outcome.take(command, arguments)
            if answer is not None:
                return answer
        heard.clear()


def collect(command: int, heard: list[Packet], arguments: list[bytes]) -> None:
    heard.append((command, arguments))


COLLECT: Final[list[Callable[[list[Packet], list[bytes]], None]]] = [
    partial(collect, command) for command in range(len(SEPARATORS))
]


def short(heard: list[Packet], command: int, arguments: list[bytes]) -> None:
    """Arguments that are missing at the end are empty, as a worker left them out."""
    heard.append((command, completed(command, arguments)))


def misdirected(heard: list[Packet], arguments: list[bytes]) -> None:
    raise ProtocolError("the server sent a request, expected a response")


def text_line(heard: list[Packet], line: bytes) -> None:
    raise ProtocolError(f"the server sent {line[:80]!r}, expected a packet")


# The client's bytes


def refused_head(status: int, reason: str) -> Request:
    """What was not understood as a request."""
    return Request(refusal=refusal(status, reason))


async def read_line(reader: asyncio.StreamReader) -> bytes:
    """The next line with its end; raises IncompleteReadError at the client's end, ValueError for a long one."""
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise asyncio.IncompleteReadError(line, None)
    return line


async def read_body(reader: asyncio.StreamReader, length: int) -> bytes:
    """The workload; raises TimeoutError where it stops to come, IncompleteReadError at the client's end."""
    pieces: list[bytes] = []
    missing = length
    while missing > 0:
        async with asyncio.timeout(PATIENCE):
            piece = await reader.read(min(missing, PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", missing)
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


async def read_to_end(reader: asyncio.StreamReader) -> None:
    """Wait for the client's end; what it says before that is not ours."""
    with suppress(OSError):
        while await reader.read(PIECE):
            pass


def say(writer: asyncio.StreamWriter, chunk: bytes) -> None:
    """Write to a client; raises ConnectionResetError where it has hung up, which uvloop's transports do not bear."""
    if writer.is_closing():
        raise ConnectionResetError("it has hung up")
    writer.write(chunk)


async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Have the answer sent; a client that still talks hears it out, before the socket is closed."""
    writer.transport.set_write_buffer_limits(0)  # so that to drain is to have all sent
    async with asyncio.timeout(SENDING):
        await writer.drain()
    if not writer.is_closing():
        writer.write_eof()
    with suppress(TimeoutError):
        async with asyncio.timeout(PARTING):
            await read_to_end(reader)


def host_of(writer: asyncio.StreamWriter) -> str:
    """The client's address, as ``workers`` shows it."""
    where = writer.get_extra_info("peername")
    return str(where[0]) if where else "-"
