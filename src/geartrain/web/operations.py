"""Operations: what the API can do, each with its description, by which requests are checked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, cast
from urllib.parse import parse_qsl, unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from geartrain.errors import GearmanError
from geartrain.protocol.admin import Query
from geartrain.protocol.documents import read_json
from geartrain.protocol.numbers import count
from geartrain.web.answers import JSON, OCTETS, answer, told
from geartrain.web.calls import Call
from geartrain.web.csrf import check_origin
from geartrain.web.identity import Door
from geartrain.web.looks import Row
from geartrain.web.ports import Surroundings
from geartrain.web.problems import Problem, as_word, problem_of, wrong
from geartrain.web.schemas import Schema, checks, from_text, plain
from geartrain.web.sessions import Sessions

MOST_JSON: Final = 1024 * 1024  # bytes of a body: reading it takes a few milliseconds, in which no job moves
STEP: Final = 64  # items of a body that are checked before jobs may move again
HEARD_OUT: Final = (
    2.0  # seconds for which a body that is too large is read, so that its sender reads the answer
)

Handler = Callable[[Call], Awaitable[ASGIApp]]


class Operation(NamedTuple):
    """A method of a path."""

    method: str
    path: str  # below the API's, with names of parameters in braces
    handler: Handler
    summary: str
    parameters: Mapping[str, Schema] = {}  # in the query
    body: Schema | None = None  # of JSON; None where there is none
    answers: Mapping[int, Schema | str] = {}  # by status; a text where there is no body
    raw_body: bool = False  # a body of bytes is taken as well; the handler reads it
    free: bool = False  # who may do nothing else may do this
    kinds: tuple[str, ...] = (JSON,)  # of answers; the first one unless another is asked for


def about_name(query: Callable[[str], Query[list[Row]]], status: int = 200) -> Handler:
    """A handler that gives the row with which a text command about the path's name is answered."""

    async def handler(call: Call) -> Response:
        return answer((await call.ask(query(call.path["name"])))[0], status)

    return handler


class Resource:
    """A path of the API, with all of its methods."""

    def __init__(self, operations: Sequence[Operation], around: Surroundings, sessions: Sessions) -> None:
        self.operations = {operation.method: operation for operation in operations}
        if "GET" in self.operations:
            self.operations["HEAD"] = self.operations["GET"]
        self.allowed = ", ".join(sorted([*self.operations, "OPTIONS"]))
        self.around = around
        self.sessions = sessions
        self.door = Door(around.keeper, sessions)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever it is."""
        request = Request(scope, receive)
        calls: list[Call] = []
        try:
            response = await self.answer(request, calls)
            await response(scope, receive, send)
        except ClientDisconnect:
            return  # there is nobody to answer
        finally:
            for call in calls:
                call.leave()

    async def answer(self, request: Request, calls: list[Call]) -> ASGIApp:
        """What to answer; a call that was begun is among ``calls``, and ends when its answer is sent."""
        if request.method == "OPTIONS":
            return Response(None, 204, {"Allow": self.allowed})
        operation = self.operations.get(request.method)
        if operation is None:
            problem = wrong("method", request.method, f"one of {self.allowed}", 405)
            problem.headers["Allow"] = self.allowed
            return told(problem)
        try:
            calls.append(await self.read(operation, request))
            return await operation.handler(calls[0])
        except Problem as problem:
            return HeardOut(told(problem)) if problem.status == 413 else told(problem)
        except GearmanError as error:
            return told(problem_of(error))

    async def read(self, operation: Operation, request: Request) -> Call:
        """The call that a request is; raises Problem where it is none."""
        identity = await self.door.identify(request)
        if not operation.free:
            self.door.check(identity)
        check_origin(self.sessions.secret, request)
        kind = kind_of(operation, request)
        path = {name: decoded(name, value) for name, value in request.path_params.items()}
        query = read_query(operation, request)
        body = await read_body(operation, request)
        return Call(request, self.around, self.sessions, identity, kind, path, query, body)


class HeardOut:
    """An answer to somebody who may still be sending: they hear it only if they are listened to for a while."""

    def __init__(self, response: Response) -> None:
        self.response = response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.response.status_code}
        await send({**start, "headers": [*self.response.raw_headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": self.response.body, "more_body": True})
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARD_OUT):
                while (await receive()).get("more_body", False):
                    pass
        await send({"type": "http.response.body", "body": b""})


def kind_of(operation: Operation, request: Request) -> str:
    """The kind of answer that is wanted; raises Problem where it is none of the operation's."""
    accept = request.headers.get("accept", "*/*")
    best, best_quality = "", 0.0
    for kind in operation.kinds:
        quality = quality_of(kind, accept)
        if quality > best_quality:
            best, best_quality = kind, quality
    if not best:
        raise wrong("Accept", accept, " or ".join(operation.kinds), 406)
    return best


def quality_of(kind: str, accept: str) -> float:
    """How much a kind is wanted, from 0 to 1; what names it best says so."""
    found: dict[int, float] = {}
    for item in accept.split(","):
        name, *parameters = [part.strip().lower() for part in item.split(";")]
        names = (kind, kind.partition("/")[0] + "/*", "*/*")
        if name in names:
            found.setdefault(names.index(name), quality_in(parameters))
    return found[min(found)] if found else 0.0


def quality_in(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            with suppress(ValueError):
                return float(parameter[2:])
    return 1.0


def decoded(name: str, value: str) -> str:
    """A part of the path. It is decoded when the route is found: names may have a slash, or bytes that are no text."""
    return as_word(name, unquote(value, errors="surrogateescape"))


def read_query(operation: Operation, request: Request) -> dict[str, object]:
    """The parameters, each of which may be given once. Those of names may have bytes that are no text."""
    read: dict[str, object] = {}
    said = request.scope["query_string"].decode("latin-1")
    for name, value in parse_qsl(said, keep_blank_values=True, errors="surrogateescape"):
        schema = operation.parameters.get(name)
        if schema is None:
            known = ", ".join(operation.parameters)
            raise wrong(name, value, f"to be one of the parameters {known}" if known else "to be left out")
        if name in read:
            raise wrong(name, value, "to be given once")
        read[name] = from_text(name, value, schema)
    return read


async def read_body(operation: Operation, request: Request) -> Mapping[str, object]:
    """The body as JSON, checked; empty where the operation has none, or it is of another kind."""
    if operation.body is None:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == OCTETS and operation.raw_body:
        return {}
    if kind != JSON:
        raise wrong("Content-Type", kind, f"{JSON} or {OCTETS}" if operation.raw_body else JSON, 415)
    content = parsed(await read_bytes(request, MOST_JSON))
    for step, _ in enumerate(checks("", content, operation.body)):
        if step % STEP == 0:
            await asyncio.sleep(0)
    return cast(Mapping[str, object], plain(content, operation.body))


async def read_bytes(request: Request, most: int) -> bytes:
    """The body, which is refused as soon as it is too large."""
    announced = request.headers.get("content-length", "0")
    if count(announced.encode()) > most:
        raise wrong("body", count(announced.encode()), f"at most {most} bytes", 413)
    parts = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > most:
            raise wrong("body", size, f"at most {most} bytes", 413)
    return b"".join(parts)


def parsed(body: bytes) -> object:
    """The value in a text of JSON."""
    try:
        return read_json(body, MOST_JSON)
    except ValueError as error:
        raise wrong("body", body.decode("utf-8", "replace"), f"JSON ({error})") from None
