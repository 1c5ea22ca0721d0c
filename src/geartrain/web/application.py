"""The web application: the API, the page, and what monitors ask."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp

from geartrain.web import (
    batches,
    dead,
    functions,
    jobs,
    logins,
    results,
    schedules,
    servers,
    tails,
    watching,
    workers,
)
from geartrain.web.answers import told
from geartrain.web.description import described
from geartrain.web.files import page, static
from geartrain.web.gate import API, Gate
from geartrain.web.identity import Door
from geartrain.web.monitors import Monitors
from geartrain.web.operations import Operation, Resource
from geartrain.web.ports import Surroundings
from geartrain.web.problems import Problem, not_found
from geartrain.web.sessions import Sessions

OPERATIONS: Final = (
    *functions.OPERATIONS,
    *jobs.OPERATIONS,
    *batches.OPERATIONS,
    *results.OPERATIONS,
    *tails.OPERATIONS,
    *workers.OPERATIONS,
    *schedules.OPERATIONS,
    *dead.OPERATIONS,
    *servers.OPERATIONS,
    *watching.OPERATIONS,
    *logins.OPERATIONS,
)


def application(around: Surroundings) -> ASGIApp:
    """The application for a job server."""
    sessions = Sessions()
    description = described(OPERATIONS, around.prefix + API)
    routes = [
        *resources([*OPERATIONS, description], around, sessions),
        *Monitors(around.readings, around.metrics_functions, Door(around.keeper, sessions)).routes(),
        Route("/static/{path:path}", static),
        Route("/", page),
    ]
    router = Router(routes, redirect_slashes=False)
    outer = [Route(around.prefix, to_page), Mount(around.prefix, router)] if around.prefix else routes
    handlers = {404: unknown, Exception: fault}
    app = Starlette(routes=outer, exception_handlers=handlers)
    app.router.redirect_slashes = False
    return Gate(app, around.names)


def resources(operations: Iterable[Operation], around: Surroundings, sessions: Sessions) -> list[Route]:
    """A route for each path of the API."""
    by_path: dict[str, list[Operation]] = {}
    for operation in operations:
        by_path.setdefault(operation.path, []).append(operation)
    exact_first = sorted(by_path.items(), key=lambda item: item[0].count("{"))
    return [Route(API + path, Resource(group, around, sessions)) for path, group in exact_first]


async def to_page(request: Request) -> Response:
    """The page's paths are beside its own, which therefore ends with a slash."""
    return Response(None, 308, {"Location": f"{request.url.path}/"})


async def unknown(request: Request, error: Exception) -> Response:
    return told(not_found("path", request.url.path, "the path of something"))


async def fault(request: Request, error: Exception) -> Response:
    """The log has the error."""
    return told(Problem(500, "the server's log says more"))
