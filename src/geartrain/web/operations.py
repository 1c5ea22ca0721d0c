"""Operations: what the API can do, each with its description; requests are checked by that."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from geartrain.errors import GearmanError
from geartrain.web.answers import told
from geartrain.web.calls import Call
from geartrain.web.identity import identify
from geartrain.web.ports import Surroundings
from geartrain.web.problems import Problem, problem_of, wrong
from geartrain.web.schemas import Schema, check, expected, from_text

JSON: Final = "application/json"
MOST_JSON: Final = 1024 * 1024  # bytes of a body: reading it takes a few milliseconds, in which no job moves

Handler = Callable[[Call], Awaitable[Response]]


class Operation(NamedTuple):
    """A method of a path."""

    method: str
    path: str  # below the API's, with names of parameters in braces
    handler: Handler
    summary: str
    parameters: Mapping[str, Schema] = {}  # in the query
    body: Schema | None = None  # of JSON; None where there is none
    answers: Mapping[int, Schema | str] = {}  # by status: what is in it; or its kind, where that is not JSON
    raw_body: bool = False  # another body than JSON is taken as it is; the handler reads it


class Resource:
    """A path of the API, for all of its methods."""

    def __init__(self, operations: Sequence[Operation], around: Surroundings) -> None:
        self.operations = {operation.method: operation for operation in operations}
        if "GET" in self.operations:
            self.operations["HEAD"] = self.operations["GET"]
        self.allowed = ", ".join(sorted([*self.operations, "OPTIONS"]))
        self.around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever it is."""
        request = Request(scope, receive)
        calls: list[Call] = []
        try:
            response = await self.answer(request, calls)
            await response(scope, receive, send)
        finally:
            for call in calls:
                call.leave()

    async def answer(self, request: Request, calls: list[Call]) -> Response:
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
            return told(problem)
        except GearmanError as error:
            return told(problem_of(error))
        except ClientDisconnect:
            return Response(None, 400)  # to nobody

    async def read(self, operation: Operation, request: Request) -> Call:
        """The call that a request is; raises Problem where it is none."""
        path = {name: decoded(name, value) for name, value in request.path_params.items()}
        query = read_query(operation, request)
        body = await read_body(operation, request)
        return Call(request, self.around, identify(request), path, query, body)


def decoded(name: str, value: str) -> str:
    """A part of the path: routes are found before it is decoded, since names may have a slash."""
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise wrong(name, value, "UTF-8, percent-encoded") from None


def read_query(operation: Operation, request: Request) -> dict[str, object]:
    """The parameters, each of which may be given once."""
    read: dict[str, object] = {}
    for name, value in request.query_params.multi_items():
        schema = operation.parameters.get(name)
        if schema is None:
            known = ", ".join(operation.parameters) or "none"
            raise wrong(name, value, f"no other parameters than {known}")
        if name in read:
            raise wrong(name, value, "to be given once")
        read[name] = from_text(name, value, schema)
    for name, schema in operation.parameters.items():
        if schema.get("x-required") and name not in read:
            raise wrong(name, None, expected(schema))
    return read


async def read_body(operation: Operation, request: Request) -> Mapping[str, object]:
    """The body as JSON, checked; empty where the operation has none."""
    if operation.body is None:
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        if operation.raw_body:
            return {}
        raise wrong("Content-Type", kind, JSON, 415)
    content = parsed(await read_bytes(request, MOST_JSON))
    check("", content, operation.body)
    return cast(Mapping[str, object], content)


async def read_bytes(request: Request, most: int) -> bytes:
    """The body, which is refused as soon as it is too large."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > most:
        raise too_large(int(announced), most)
    parts = []
    size = 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > most:
            raise too_large(size, most)
    return b"".join(parts)


def too_large(size: int, most: int) -> Problem:
    problem = wrong("body", size, f"at most {most} bytes", 413)
    problem.headers["Connection"] = "close"  # what is left of it is not read
    return problem


def parsed(body: bytes) -> object:
    """The value in a text of JSON."""
    try:
        return json.loads(body, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise wrong("body", body.decode("utf-8", "replace"), f"JSON ({error})") from None


def refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is none")
