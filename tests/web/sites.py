"""Servers that are asked over HTTP, and the Gearman side of each conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final

import httpx

from tests.server.links import Link
from tests.support.engines import standalone
from tests.support.machine import DEADLINE, HOST, can_connect, free_port, wait_until
from tests.support.members import SHARDS, Membership, follower
from tests.support.processes import GeartrainProgram, ServerProgram

API: Final = "/api/v1"


class Site:
    """A server with ``--http``."""

    def __init__(self, server: ServerProgram, where: str, port: int, prefix: str, stack: ExitStack) -> None:
        self.server = server
        self.where = where  # one of SERVERS
        self.port = port
        self.stack = stack
        self.url = f"http://{HOST}:{port}{prefix}"
        self.http = stack.enter_context(httpx.Client(base_url=self.url + API, timeout=DEADLINE))

    def connect(self) -> Link:
        """A Gearman connection, which ends with the site."""
        return self.stack.enter_context(Link(self.server.connect()))

    def asks(self, method: str, path: str, body: object = None, **options: Any) -> httpx.Response:
        """An answer, whatever it is."""
        return self.http.request(method, path, json=body, **options)

    def gets(self, path: str, **parameters: Any) -> Any:
        """The JSON of a good answer."""
        return good(self.http.get(path, params=parameters))

    def does(self, method: str, path: str, body: object = None) -> Any:
        """The JSON of a good answer to a change; None where it has none."""
        response = good_answer(self.asks(method, path, body))
        return response.json() if response.content else None

    def submits(self, function: str, **fields: object) -> str:
        """Submit a job in the background, and give its handle."""
        return str(self.does("POST", "/jobs", {"function": function, **fields})["handle"])

    @contextmanager
    def listens(
        self, method: str, path: str, body: object = None, **parameters: Any
    ) -> Iterator[Iterator[Event]]:
        """The events of an answer, as they come."""
        accept = {"Accept": "text/event-stream"}
        with self.http.stream(method, path, json=body, headers=accept, params=parameters) as response:
            assert response.status_code == 200, response.read()
            assert response.headers["content-type"] == "text/event-stream"
            yield events_in(response.iter_lines())


Event = tuple[str, dict[str, Any]]


def events_in(lines: Iterator[str]) -> Iterator[Event]:
    kind = ""
    for line in lines:
        name, _, value = line.partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


def good_answer(response: httpx.Response) -> httpx.Response:
    assert response.is_success, f"{response.status_code}: {response.text}"
    return response


def good(response: httpx.Response) -> Any:
    return good_answer(response).json()


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """What a refusal says."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = response.json()
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    return told


@contextmanager
def in_shards(*options: str) -> Iterator[GeartrainProgram]:
    """Our server as a member of a pool of three shards, two of which another one leads."""
    with (
        standalone() as engine,
        GeartrainProgram(*options, membership=Membership(engine, SHARDS)) as program,
    ):
        yield program


SERVERS: dict[str, Callable[..., AbstractContextManager[ServerProgram]]] = {
    "alone": GeartrainProgram,
    "follower": follower,
    "shards": in_shards,
}


@contextmanager
def site(*options: str, where: str = "alone", prefix: str = "") -> Iterator[Site]:
    """A site of its own."""
    port = free_port()
    given = ("--http", f"{HOST}:{port}", *(("--http-prefix", prefix) if prefix else ()), *options)
    with SERVERS[where](*given) as server, ExitStack() as stack:
        wait_until(lambda: can_connect(port), f"{HOST}:{port} takes requests")
        yield Site(server, where, port, prefix, stack)
