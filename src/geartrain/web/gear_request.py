"""A request of gearmand's HTTP protocol, of the parts that HTTP has: what is wrong with one is the answer to it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from geartrain.protocol.commands import (
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_HIGH,
    SUBMIT_JOB_HIGH_BG,
    SUBMIT_JOB_LOW,
    SUBMIT_JOB_LOW_BG,
)
from geartrain.protocol.packet import request
from geartrain.web.csrf import is_from_elsewhere
from geartrain.web.gate import EXPECTED_HOST
from geartrain.web.gear_answer import METHODS, NEWEST, NOT_FOUND, NOTHING, OLDEST, Answer, refusal

VERSIONS: Final = (OLDEST, NEWEST)
WITH_WORKLOAD: Final = ("POST", "PUT")
AUTHORITY: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
SHOWN: Final = 80  # characters of a value that a refusal shows
CONTENT: Final = "-"  # gearmand's default: equal workloads are one job
SUBMITS: Final = {
    ("", False): SUBMIT_JOB,
    ("high", False): SUBMIT_JOB_HIGH,
    ("normal", False): SUBMIT_JOB,
    ("low", False): SUBMIT_JOB_LOW,
    ("", True): SUBMIT_JOB_BG,
    ("high", True): SUBMIT_JOB_HIGH_BG,
    ("normal", True): SUBMIT_JOB_BG,
    ("low", True): SUBMIT_JOB_LOW_BG,
}
"""The packet of a priority, in the background or not."""


class Request(NamedTuple):
    """A request's head. ``refusal`` is the answer where no job is to be submitted, and None where one is."""

    method: str = "GET"
    version: str = OLDEST
    function: bytes = b""
    unique: bytes = b""
    priority: str = ""
    background: bool = False
    token: str = ""  # that says who it is; empty without one
    refusal: Answer | None = None

    def submit(self, body: bytes) -> bytes:
        """The packet that submits the job; a method without a workload has an empty one."""
        workload = body if self.method in WITH_WORKLOAD else b""
        command = SUBMITS[self.priority, self.background]
        return request(command, self.function, self.unique, workload)


class Head(NamedTuple):
    """What HTTP says of a request before its body."""

    method: str
    target: str
    version: str
    headers: Iterable[tuple[bytes, bytes]]  # names in lower case


def read_request(head: Head, limit: int, knows: Callable[[str], bool]) -> Request:
    """The request that a head is; ``limit`` is the most bytes of a workload, ``knows`` says which Host is ours."""
    found = Request(head.method, head.version if head.version in VERSIONS else OLDEST)
    if head.version not in VERSIONS:
        return refuse(found, 505, f"the version is {head.version!r}, expected {' or '.join(VERSIONS)}")
    if head.method not in METHODS:
        return refuse(found, 405, f"the method is {head.method}, expected {', '.join(METHODS)}")
    fields = read_fields(head.headers)
    if isinstance(fields, Answer):
        return found._replace(refusal=fields)
    host = fields.get("host")
    if host is not None and not knows(host):
        return refuse(found, 421, f"Host is {host[:SHOWN]!r}, expected {EXPECTED_HOST}")
    if is_from_elsewhere(fields):
        return refuse(found, 403, "the page of another site may not submit jobs")
    return check_length(read_job(read_target(found, head.target), fields), fields, limit)


def refuse(request: Request, status: int, reason: str) -> Request:
    """The request with a refusal, but for one that has one already: the first thing that is wrong is said."""
    return request if request.refusal else request._replace(refusal=refusal(status, reason))


def read_fields(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str] | Answer:
    """Headers by their names in lower case."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1").strip(" \t")
        if fields.setdefault(name, value) != value and name.startswith("x-gearman-"):
            return refusal(400, f"the header {name} is {fields[name]!r} and {value!r}, expected one of them")
    return fields


def read_target(head: Request, target: str) -> Request:
    """The function that a path names."""
    path, mark, _ = AUTHORITY.sub("", target, count=1).partition("?")
    if mark:
        return refuse(head, 400, f"the path is {target[:SHOWN]!r}, expected %3F for a ? in a function's name")
    function = unquote_to_bytes(path.removeprefix("/").encode("latin-1"))
    if b"\0" in function:
        return refuse(head, 400, f"the path is {target[:SHOWN]!r}, expected a function's name without NUL")
    if not function:
        return head._replace(refusal=NOTHING if head.method == "HEAD" else NOT_FOUND)
    return head._replace(function=function)


def read_job(head: Request, fields: Mapping[str, str]) -> Request:
    """What the headers say of the job."""
    priority = fields.get("x-gearman-priority", "").lower()
    if (priority, False) not in SUBMITS:
        return refuse(head, 400, f"X-Gearman-Priority is {priority[:SHOWN]!r}, expected high, normal or low")
    background = fields.get("x-gearman-background", "false").lower()
    if background not in ("true", "false"):
        return refuse(head, 400, f"X-Gearman-Background is {background[:SHOWN]!r}, expected true or false")
    return head._replace(
        unique=fields.get("x-gearman-unique", CONTENT).encode("latin-1"),
        priority=priority,
        background=background == "true",
        token=token_in(fields.get("authorization", "")),
    )


def token_in(authorization: str) -> str:
    """The token of a bearer."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_length(request: Request, fields: Mapping[str, str], limit: int) -> Request:
    """Refuse a body whose length is not told, or over the limit."""
    coding = fields.get("transfer-encoding")
    if coding is not None:
        return refuse(request, 411, f"Transfer-Encoding is {coding[:SHOWN]!r}, expected a Content-Length")
    length = fields.get("content-length", "0")
    if not re.fullmatch("[0-9]{1,18}", length):
        return refuse(request, 400, f"Content-Length is {length[:SHOWN]!r}, expected a number of bytes")
    if int(length) > limit:
        return refuse(request, 413, f"the workload has {int(length)} bytes, expected at most {limit}")
    return request
