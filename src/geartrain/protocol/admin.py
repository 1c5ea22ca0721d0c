"""The text protocol from the asking side, without I/O: questions, their answers, and what the lines mean."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote_from_bytes

from geartrain.errors import GearmanError, ProtocolError, ServerError, SettingsError, server_error
from geartrain.protocol.numbers import count
from geartrain.protocol.submission import octets

Answer = TypeVar("Answer")

ESCAPED: Final = "%"  # begins a command whose other words are percent-encoded
ENDS: Final = "\r\n\0"  # what no line has
SEPARATORS: Final = " \r\n"  # what no word has as it is
UNTOUCHED: Final = "".join([chr(code) for code in range(0x21, 0x7F) if chr(code) != ESCAPED])


class FunctionStatus(NamedTuple):
    """A function's line of ``status``."""

    function: str
    total: int  # queued and running
    running: int
    workers: int


class FunctionQueues(NamedTuple):
    """A function's line of ``prioritystatus``: the jobs queued by priority."""

    function: str
    high: int
    normal: int
    low: int
    workers: int


class Connected(NamedTuple):
    """A connection's line of ``workers``: clients have no functions."""

    descriptor: str
    address: str
    id: str
    functions: tuple[str, ...]


class QueuedJob(NamedTuple):
    """A job's line of ``show jobs``."""

    handle: str
    retries: int
    ignored: bool  # nobody wants it any more
    persisted: bool


class Query(Generic[Answer]):
    """A text command, and how to read its answer: a list of lines ended by ".", or one line."""

    def __init__(
        self, line: str, listing: bool, read: Callable[[list[str]], Answer], ours: bool = False
    ) -> None:
        if any(sign in line for sign in ENDS):
            raise SettingsError(f"text command {line!r}: expected one line without NUL")
        self.line = line
        self.listing = listing
        self.read = read
        self.ours = ours or line.startswith(ESCAPED)  # only Geartrain's own server knows it


class AdminProtocol:
    """One answer at a time: ``ask``, write the bytes, ``receive`` until ``answered``, then take the answer."""

    def __init__(self, name: str) -> None:
        self.name = name  # the server's, for error messages
        self.outgoing: list[bytes] = []
        self.unfinished = b""  # the beginning of a line
        self.lines: list[str] = []
        self.listing = False
        self.answered = True
        self.error: GearmanError | None = None

    def ask(self, line: str, listing: bool) -> None:
        """Send a command."""
        # gearmand cuts the last character off a name that ends with a bare LF.
        self.outgoing.append(octets(line, "text command") + b"\r\n")
        self.lines = []
        self.listing = listing
        self.answered = False
        self.error = None

    def take_outgoing(self) -> bytes:
        """The bytes to write now."""
        outgoing = b"".join(self.outgoing)
        self.outgoing = []
        return outgoing

    def receive(self, chunk: bytes) -> None:
        """Take bytes of the server; raises ProtocolError for what nobody asked for."""
        lines = (self.unfinished + chunk).split(b"\n")
        self.unfinished = lines.pop()
        for line in lines:
            if self.answered:
                raise ProtocolError(
                    f"{self.name} sent {line[:80]!r}, which nothing asked for", server=self.name
                )
            self.take(line.removesuffix(b"\r").decode("utf-8", "surrogateescape"))

    def take(self, line: str) -> None:
        """Take a line of the answer."""
        if not self.lines and line.startswith("ERR ") and "\t" not in line:
            self.error = text_error(line, self.name)
            self.answered = True
        elif self.listing and line == ".":
            self.answered = True
        else:
            self.lines.append(line)
            self.answered = not self.listing


def text_error(line: str, server: str) -> ServerError:
    """The exception for an ERR line: "ERR CODE text+in+words", or "ERR text in words"."""
    code, _, text = line.removeprefix("ERR ").partition(" ")
    if code.isupper():
        return server_error(code, text.replace("+", " ") or "refused", server=server)
    return server_error("ERR", f"{code} {text}", server=server)


def words(*parts: str) -> str:
    """A command's line, percent-encoded where a part has what separates or ends; raises SettingsError for an empty one.

    Only Geartrain's own server reads the encoded form. Tabs and bytes that are no text need none.
    """
    for part in parts:
        if not part or "\0" in part:
            raise SettingsError(f"text command {parts[0]}: {part!r}, expected a word without NUL")
    if not any(sign in part for part in parts for sign in SEPARATORS):
        return " ".join(parts)
    encoded = [quote_from_bytes(octets(part, "text command"), UNTOUCHED) for part in parts]
    return ESCAPED + " ".join(encoded)


def as_lines(lines: list[str]) -> list[str]:
    """The lines as they are."""
    return lines


def as_value(lines: list[str]) -> str:
    """What follows "OK"."""
    return lines[0].removeprefix("OK").strip()


def as_nothing(lines: list[str]) -> None:
    """An answer that says only that it was done."""


def as_pid(lines: list[str]) -> int:
    """A process id."""
    return number(as_value(lines))


def as_statuses(lines: list[str]) -> list[FunctionStatus]:
    """The answer to ``status``."""
    rows = [line.rsplit("\t", 3) for line in lines]
    return [FunctionStatus(row[0], number(row[1]), number(row[2]), number(row[3])) for row in rows]


def as_queues(lines: list[str]) -> list[FunctionQueues]:
    """The answer to ``prioritystatus``."""
    rows = [line.rsplit("\t", 4) for line in lines]
    return [
        FunctionQueues(row[0], number(row[1]), number(row[2]), number(row[3]), number(row[4])) for row in rows
    ]


def as_connected(lines: list[str]) -> list[Connected]:
    """The answer to ``workers``: "fd address id : function function"."""
    found = []
    for line in lines:
        front, _, functions = line.partition(" :")
        descriptor, address, client_id = (*front.split(" ", 2), "", "")[:3]
        found.append(Connected(descriptor, address, client_id, tuple(functions.split())))
    return found


def as_jobs(lines: list[str]) -> list[QueuedJob]:
    """The answer to ``show jobs``."""
    rows = [line.split("\t") for line in lines]
    return [QueuedJob(row[0], number(row[1]), row[2] == "1", row[3] == "1") for row in rows]


def as_objects(lines: list[str]) -> list[dict[str, object]]:
    """Lines of JSON, each an object."""
    return [json.loads(line) for line in lines]


def number(text: str) -> int:
    """A number of an answer."""
    return count(text.encode())


STATUS: Final = Query("status", True, as_statuses)
PRIORITY_STATUS: Final = Query("prioritystatus", True, as_queues)
WORKERS: Final = Query("workers", True, as_connected)
SHOW_JOBS: Final = Query("show jobs", True, as_jobs)
SHOW_UNIQUE_JOBS: Final = Query("show unique jobs", True, as_lines)
VERSION: Final = Query("version", False, as_value)
PID: Final = Query("getpid", False, as_pid)
VERBOSE: Final = Query("verbose", False, as_value)


def max_queue(function: str, limits: tuple[int, ...]) -> Query[None]:
    """Set a function's limits: none at all, one for all priorities, or those of high, normal and low."""
    if len(limits) not in (0, 1, 3):
        raise SettingsError(f"maxqueue limits {limits}: expected none, one, or three (high, normal, low)")
    return Query(words("maxqueue", function, *[str(limit) for limit in limits]), False, as_nothing)


def create_function(function: str) -> Query[None]:
    """Have a function listed before it has jobs or workers."""
    return Query(words("create", "function", function), False, as_nothing)


def drop_function(function: str) -> Query[None]:
    """Forget a function that nobody uses."""
    return Query(words("drop", "function", function), False, as_nothing)


def cancel_job(handle: str) -> Query[None]:
    """Take a job out of its queue."""
    return Query(words("cancel", "job", handle), False, as_nothing)


def json_lines(verb: tuple[str, ...]) -> Query[list[dict[str, object]]]:
    """A command of Geartrain's own server."""
    return Query(words(*verb), True, as_objects, True)


def refusal(error: GearmanError, query: Query[Answer]) -> GearmanError:
    """What to raise where a server refused a command: it says so when only our own server knows it."""
    if not query.ours or not isinstance(error, ServerError) or error.error_code != "UNKNOWN_COMMAND":
        return error
    verb = query.line.partition(" ")[0].removeprefix(ESCAPED)
    text = f"{error.server} does not know the command {verb!r}: only Geartrain's own server does"
    return ServerError(error.error_code, text, server=error.server)
