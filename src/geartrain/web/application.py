"""The web application: the API, the page, and what monitors ask."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from geartrain.web import functions, jobs, server
from geartrain.web.operations import Operation, Resource
from geartrain.web.ports import Surroundings

API: Final = "/api/v1"
PAGE: Final = Path(__file__).parent / "page"
OPERATIONS: Final = (*functions.OPERATIONS, *jobs.OPERATIONS, *server.OPERATIONS)


def application(around: Surroundings) -> ASGIApp:
    """The application for a job server."""
    routes = [
        *resources(OPERATIONS, around),
        Route("/livez", alive),
        Mount("/static", StaticFiles(directory=PAGE)),
        Route("/", page),
    ]
    return Undecoded(Starlette(routes=[Mount(around.prefix, routes=routes)] if around.prefix else routes))


def resources(operations: Iterable[Operation], around: Surroundings) -> list[Route]:
    """A route for each path of the API."""
    by_path: dict[str, list[Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, []).append(operation)
    return [Route(API + path, Resource(group, around)) for path, group in by_path.items()]


async def alive(request: Request) -> Response:
    """The loop answers."""
    return PlainTextResponse("ok\n")


async def page(request: Request) -> Response:
    return Response((PAGE / "index.html").read_bytes(), media_type="text/html; charset=utf-8")


class Undecoded:
    """Has the API's routes found by the path as it was sent: a name in it may have a slash, as %2F."""

    def __init__(self, inner: ASGIApp) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and API in scope["path"]:
            scope["path"] = scope["raw_path"].decode("ascii", "backslashreplace")
        await self.inner(scope, receive, send)
