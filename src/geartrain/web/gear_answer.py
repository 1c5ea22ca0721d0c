"""The answers of gearmand's HTTP protocol: how they are written, and which one a job's packets add up to."""

from __future__ import annotations

from typing import Final, NamedTuple

from geartrain.protocol.commands import (
    ERROR,
    JOB_CREATED,
    NAMES,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
)
from geartrain.version import __version__

PHRASES: Final = {
    200: "OK",
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    411: "LENGTH_REQUIRED",
    413: "CONTENT_TOO_LARGE",
    421: "MISDIRECTED_REQUEST",
    431: "REQUEST_HEADER_FIELDS_TOO_LARGE",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    505: "HTTP_VERSION_NOT_SUPPORTED",
}
"""gearmand writes reasons in capitals."""

OLDEST: Final = "HTTP/1.0"  # the version of answers to what has none
NEWEST: Final = "HTTP/1.1"
METHODS: Final = ("GET", "HEAD", "POST", "PUT")

REFUSALS: Final = {
    b"ARGUMENT_TOO_LARGE": 400,
    b"INVALID_ARGUMENT": 400,
    b"INVALID_FUNCTION_NAME": 400,
    b"PERMISSION_DENIED": 403,
}
"""The status of an ERROR by its code; of any other it is 503, as a full queue may have room later."""


class Answer(NamedTuple):
    """An answer; ``command`` is the packet that it stands for, where it stands for one."""

    status: int
    body: bytes = b""
    command: str = ""
    handle: bytes = b""

    def packed(self, version: str, method: str) -> bytes:
        """The answer's bytes, with gearmand's headers in its order; HEAD gets no body."""
        handle, length = self.handle.decode("latin-1"), len(self.body)
        lines = [
            f"{version} {self.status} {PHRASES[self.status]}",
            *([f"X-Gearman-Job-Handle: {handle}"] if handle else []),
            *([f"X-Gearman-Command: {self.command}"] if self.command else []),
            *([f"Allow: {', '.join(METHODS)}"] if self.status == 405 else []),
            *(["Content-Type: text/plain; charset=utf-8"] if self.body and self.status != 200 else []),
            f"Content-Length: {length}",
            f"Server: Gearman/{__version__}",
            *(["Connection: close"] if version == NEWEST else []),
        ]
        head = "".join([f"{line}\r\n" for line in lines]) + "\r\n"
        return head.encode("latin-1") + (b"" if method == "HEAD" else self.body)


NOTHING: Final = Answer(200)
NOT_FOUND: Final = Answer(404)


def refusal(status: int, reason: str) -> Answer:
    """An answer that names what was wrong."""
    return Answer(status, f"{reason}\n".encode())


class Outcome:
    """What became of a submitted job, as far as its packets say so; ``limit`` is the most bytes of a result."""

    def __init__(self, background: bool, limit: int) -> None:
        self.background = background
        self.limit = limit
        self.handle = b""
        self.pieces: list[bytes] = []
        self.size = 0

    def take(self, command: int, arguments: list[bytes]) -> Answer | None:
        """Take the next packet; the answer, once there is one. Warnings and status have no place in it."""
        if command == ERROR:
            return self.refused(arguments[0], arguments[1])
        if command == JOB_CREATED:
            self.handle = arguments[0]
            return self.answer(command) if self.background else None
        if command == WORK_FAIL:
            return Answer(200, b"", NAMES[command], self.handle)
        if command == WORK_EXCEPTION:
            return Answer(200, arguments[1], NAMES[command], self.handle)
        if command not in (WORK_DATA, WORK_COMPLETE):
            return None
        self.pieces.append(arguments[1])
        self.size += len(arguments[1])
        if self.size > self.limit:
            return refusal(502, f"the result has more than {self.limit} bytes")._replace(handle=self.handle)
        return self.answer(command) if command == WORK_COMPLETE else None

    def answer(self, command: int) -> Answer:
        return Answer(200, b"".join(self.pieces), NAMES[command], self.handle)

    def refused(self, code: bytes, text: bytes) -> Answer:
        return Answer(REFUSALS.get(code, 503), code + b": " + text + b"\n", NAMES[ERROR])
