"""The kinds of answers that there are."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from starlette.responses import Response, StreamingResponse

from geartrain.web.problems import MEDIA_TYPE, Problem

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
OCTETS: Final = "application/octet-stream"

MOST_TEXT: Final = 1024 * 1024  # bytes of a payload that is looked at to find whether it is a text
PIECE: Final = 192 * 1024  # bytes that are made base64 at a time, a multiple of 3


def encoded(value: object) -> bytes:
    """A value as JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(encoded(value), status, headers, JSON)


def in_rows(name: str, rows: Sequence[str], **more: object) -> Response:
    """A list in JSON of rows that are JSON already, as text commands give them: a thousand are read by nobody here."""
    end = encoded(more)[1:] if more else b"}"
    body = f'{{"{name}":[{",".join(rows)}]'.encode("utf-8", "backslashreplace")
    return Response(body + (b"," if more else b"") + end, 200, None, JSON)


def told(problem: Problem) -> Response:
    """The answer that tells a problem."""
    return Response(encoded(problem.body()), problem.status, problem.headers, MEDIA_TYPE)


def octets(value: bytes) -> Response:
    """An answer that is what a client or a worker sent, and is nothing to be shown by a browser."""
    return Response(value, 200, {"Content-Disposition": "attachment"}, OCTETS)


def payload(name: str, value: bytes) -> dict[str, object]:
    """Bytes as text, or in base64 where they are not UTF-8, or large."""
    if len(value) <= MOST_TEXT:
        try:
            return {name: value.decode()}
        except UnicodeDecodeError:
            pass
    return {f"{name}_base64": b64encode(value).decode("ascii")}


def with_payload(fields: Mapping[str, object], name: str, value: bytes) -> Response:
    """An answer in JSON with a payload in it; a large one in pieces, as jobs have to move meanwhile."""
    if len(value) <= MOST_TEXT:
        return answer({**fields, **payload(name, value)})
    return StreamingResponse(in_pieces(fields, name, value), media_type=JSON)


async def in_pieces(fields: Mapping[str, object], name: str, value: bytes) -> AsyncIterator[bytes]:
    yield encoded(fields)[:-1] + f',"{name}_base64":"'.encode()
    view = memoryview(value)
    for begin in range(0, len(view), PIECE):
        yield b64encode(view[begin : begin + PIECE])
        await asyncio.sleep(0)
    yield b'"}'
