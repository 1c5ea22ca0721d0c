"""gearmand's HTTP protocol as an application: one request a connection, one job a request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final

from starlette.types import Receive, Scope, Send

from geartrain.errors import ConnectionLost, ProtocolError, ServerError
from geartrain.protocol.commands import SEPARATORS
from geartrain.protocol.packet import LARGEST_PAYLOAD, RESPONSE, PacketStream, completed
from geartrain.web.gate import is_own
from geartrain.web.gear_answer import Answer, Outcome, refusal
from geartrain.web.gear_request import Head, Request, read_request
from geartrain.web.identity import EXTENSION, PENALTY
from geartrain.web.ports import Identity, Inside, Keeper
from geartrain.web.streams import gone

Packet = tuple[int, list[bytes]]  # a type and its arguments


class GearApplication:
    """Takes jobs over HTTP as gearmand's plugin does.

    A client that hangs up has left, and its job is one client poorer, as with packets. Answers have gearmand's form,
    so they do not go by ASGI: ``part`` of the scope's extension writes a whole answer, and ends the connection.
    """

    def __init__(self, keeper: Keeper, names: frozenset[str], workload_limit: int, result_limit: int) -> None:
        self.keeper = keeper
        self.names = names  # of hosts by which browsers may call this server, beside addresses
        self.workload_limit = workload_limit  # bytes
        self.result_limit = result_limit  # bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        extension = scope["extensions"][EXTENSION]
        target, version = extension["target"].decode("latin-1"), f"HTTP/{scope['http_version']}"
        head = Head(scope["method"], target, version, scope["headers"])
        request = read_request(head, self.workload_limit, self.knows)
        answer = request.refusal or await self.answer(scope, request, receive)
        if answer is not None and "part" in extension:
            extension["part"](answer.packed(request.version, request.method))

    def knows(self, host: str) -> bool:
        """Whether a Host is this server."""
        return is_own(host, self.names)

    async def answer(self, scope: Scope, request: Request, receive: Receive) -> Answer | None:
        """What becomes of a request; None where its client hangs up before."""
        body = await body_of(receive)
        if body is None:
            return None
        try:
            return await self.submit(self.identify(scope), request, body, receive)
        except ServerError as error:
            return refusal(503, str(error))

    async def submit(
        self, identity: Identity, request: Request, body: bytes, receive: Receive
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
        left = asyncio.ensure_future(gone(receive))
        try:
            await asyncio.wait((result, left), return_when=asyncio.FIRST_COMPLETED)
            return result.result() if result.done() else None
        finally:
            result.cancel()
            left.cancel()
            peer.close()

    def identify(self, scope: Scope) -> Identity:
        """Who a client is, as far as its connection tells."""
        host = scope["client"][0] if scope["client"] else "unix"
        return Identity(host, self.keeper.listener(scope["extensions"][EXTENSION]["address"]))


async def body_of(receive: Receive) -> bytes | None:
    """The workload; None where the client hangs up before it is whole."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        pieces.append(message["body"])
        if not message["more_body"]:
            return b"".join(pieces)


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
