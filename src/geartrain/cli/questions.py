"""What the commands ask of a server: in our own text commands, or in gearmand's where the server has no others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

from geartrain.cli.output import Row
from geartrain.errors import ConnectionLost, GearmanError, ServerError, server_error
from geartrain.jobs import JobHandle, JobStatus
from geartrain.protocol.servers import Server, parse_servers
from geartrain.sync.client import Client
from geartrain.sync.link import connect

TIMEOUT: Final = 10.0  # seconds for a connection, and for an answer
ERROR: Final = "ERR "
ANY: Final = "*"  # every function
LISTS: Final = ("status", "prioritystatus", "workers", "show", "jobs", "job", "functions", "peers")
PRIORITIES: Final = ("high", "normal", "low")


class Conversation:
    """A connection to a server on which the text protocol is spoken; raises ConnectError."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.socket = connect(server, TIMEOUT)
        self.socket.settimeout(TIMEOUT)
        self.answers = self.socket.makefile("rb")

    def ask(self, *words: str) -> list[str]:
        """The lines of the answer to a command; raises ServerError for one that begins with ERR, and ConnectionLost."""
        try:
            self.socket.sendall(" ".join(words).encode("utf-8", "surrogateescape") + b"\r\n")
            lines = [self.line()]
            while words[0] in LISTS and lines[-1] != "." and not lines[0].startswith(ERROR):
                lines.append(self.line())
        except OSError as error:
            raise ConnectionLost(f"lost {self.server.name}: {error}", server=self.server.name) from None
        if lines[0].startswith(ERROR):
            raise self.refusal(lines[0].removeprefix(ERROR))
        return lines[:-1] if words[0] in LISTS else lines

    def refusal(self, text: str) -> GearmanError:
        """The exception for an answer that begins with ERR; some have a code, some are plain words."""
        code, _, words = text.partition(" ")
        if code.isupper():
            return server_error(code, words.replace("+", " "), server=self.server.name)
        return GearmanError(f"{self.server.name} refused: {text}", server=self.server.name)

    def line(self) -> str:
        line = self.answers.readline()
        if not line.endswith(b"\n"):
            raise ConnectionLost(f"{self.server.name} closed the connection", server=self.server.name)
        return line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")

    def rows(self, *words: str) -> list[Row] | None:
        """The rows of one of our own commands; None when the server does not know it."""
        try:
            return [json.loads(line) for line in self.ask(*words)]
        except ServerError as error:
            if error.error_code != "UNKNOWN_COMMAND":
                raise
            return None

    def close(self) -> None:
        self.answers.close()
        self.socket.close()


def ask_each(servers: tuple[str, ...], question: Callable[[Conversation], list[Row]]) -> list[Row]:
    """The rows of every server, each with its ``server``."""
    rows: list[Row] = []
    for server in parse_servers(servers or None, os.environ):
        with closing(Conversation(server)) as conversation:
            rows += [{"server": server.name, **row} for row in question(conversation)]
    return rows


def fields(lines: list[str]) -> list[list[str]]:
    return [line.split("\t") for line in lines]


# Questions


def version(server: Conversation) -> str:
    return server.ask("version")[0].removeprefix("OK ")


def functions(server: Conversation) -> list[Row]:
    rows = server.rows("functions")
    return status_of_functions(server) if rows is None else rows


def status_of_functions(server: Conversation) -> list[Row]:
    """The same, as far as gearmand tells."""
    queued = {name: numbers for name, *numbers in fields(server.ask("prioritystatus"))}
    return [
        {
            "function": name,
            "queued": dict(zip(PRIORITIES, map(int, queued.get(name, "000")), strict=False)),
            "running": int(running),
            "workers": int(workers),
        }
        for name, _, running, workers in fields(server.ask("status"))
    ]


def jobs(server: Conversation, function: str, limit: int) -> list[Row]:
    rows = server.rows("jobs", function, str(limit))
    if rows is None and function != ANY:
        raise GearmanError(
            f"{server.server.name} does not say which jobs are of {function!r}: it is no Geartrain"
        )
    return shown_jobs(server, limit) if rows is None else rows


def shown_jobs(server: Conversation, limit: int) -> list[Row]:
    """The same, as far as gearmand tells."""
    shown = fields(server.ask("show", "jobs"))[:limit]
    with Client(server.server.name) as client:
        statuses = client.job_statuses([handle for handle, *_ in shown])
    return [
        {**status_row(handle, statuses[JobHandle(handle)]), "attempts": int(attempts)}
        for handle, attempts, *_ in shown
    ]


def job(server: Conversation, handle: str) -> list[Row]:
    """The job in a row, or no row when the server does not know it."""
    rows = server.rows("job", handle)
    if rows is not None:
        return rows
    with Client(server.server.name) as client:
        status = client.job_status(handle)
    return [status_row(handle, status)] if status.known else []


def status_row(handle: str, status: JobStatus) -> Row:
    return {
        "handle": handle,
        "state": "running" if status.running else "queued",
        "numerator": status.numerator,
        "denominator": status.denominator,
    }


def peers(server: Conversation) -> list[Row]:
    rows = server.rows("peers")
    return [worker_row(line) for line in server.ask("workers")] if rows is None else rows


def worker_row(line: str) -> Row:
    """A line of gearmand's ``workers``: number, host, id, a colon and the functions."""
    head, _, functions = line.partition(" :")
    number, host, client_id = head.split(" ", 2)
    return {"number": int(number), "host": host, "id": client_id, "functions": functions.split()}


def cancel(server: Conversation, handle: str) -> list[Row]:
    """The cancelled job in a row, or no row when the server does not know it."""
    try:
        server.ask("cancel", "job", handle)
    except ServerError as error:
        if error.error_code != "UNKNOWN_JOB":
            raise
        return []
    return [{"handle": handle, "cancelled": True}]


def limit(server: Conversation, function: str, numbers: Sequence[int]) -> list[Row]:
    server.ask("maxqueue", function, *map(str, numbers))
    return [{"function": function, "max_queue": list(numbers)}]


def create(server: Conversation, function: str) -> list[Row]:
    server.ask("create", "function", function)
    return [{"function": function, "created": True}]


def drop(server: Conversation, function: str) -> list[Row]:
    server.ask("drop", "function", function)
    return [{"function": function, "dropped": True}]
