"""A request of gearmand's HTTP protocol, read without I/O: what is wrong with one is the answer to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from geartrain.web.gear_answer import METHODS, NEWEST, NOT_FOUND, NOTHING, OLDEST, Answer, refusal

VERSIONS: Final = (OLDEST, NEWEST)
WITH_WORKLOAD: Final = ("POST", "PUT")
NO_TEXT: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # what no header may have
FIELD: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
AUTHORITY: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE)
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
    length: int = 0  # bytes of the body
    token: str = ""  # that says who it is; empty without one
    continues: bool = False  # the client waits for a word before it sends the body
    refusal: Answer | None = None

    def submit(self, body: bytes) -> bytes:
        """The packet that submits the job; a method without a workload has an empty one."""
        workload = body if self.method in WITH_WORKLOAD else b""
        command = SUBMITS[self.priority, self.background]
        return request(command, self.function, self.unique, workload)


def read_request(lines: Sequence[bytes], limit: int) -> Request:
    """A request of the lines before the blank one; ``limit`` is the most bytes of a workload."""
    method, _, rest = lines[0].decode("latin-1").partition(" ")
    target, _, version = rest.rpartition(" ")
    head = Request(method, version if version in VERSIONS else OLDEST)
    if not re.fullmatch("[A-Z]+", method) or not target or " " in target:
        return refuse(head, 400, f"the request is {shown(lines[0])}, expected METHOD /FUNCTION HTTP/1.1")
    if version not in VERSIONS:
        return refuse(head, 505, f"the version is {version!r}, expected {' or '.join(VERSIONS)}")
    if method not in METHODS:
        return refuse(head, 405, f"the method is {method}, expected {', '.join(METHODS)}")
    fields = read_fields(lines[1:])
    if isinstance(fields, Answer):
        return head._replace(refusal=fields)
    if is_from_elsewhere(fields):
        return refuse(head, 403, f"the page of {fields.get('origin', 'another site')} may not submit jobs")
    return read_length(read_job(read_target(head, target), fields), fields, limit)


def refuse(request: Request, status: int, reason: str) -> Request:
    """The request with a refusal, but for one that has one already: the first thing that is wrong is said."""
    return request if request.refusal else request._replace(refusal=refusal(status, reason))


def shown(line: bytes) -> str:
    return repr(line[:80].decode("utf-8", "backslashreplace"))


def read_fields(lines: Sequence[bytes]) -> dict[str, str] | Answer:
    """Headers by their names in lower case."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.decode("latin-1")
        match = FIELD.fullmatch(text)
        if match is None or NO_TEXT.search(text):
            return refusal(400, f"the header is {shown(line)}, expected NAME: VALUE")
        name, value = match[1].lower(), match[2]
        if fields.setdefault(name, value) != value and name.startswith(("content-length", "x-gearman-")):
            return refusal(400, f"the header {name} is {fields[name]!r} and {value!r}, expected one of them")
    return fields


def is_from_elsewhere(fields: Mapping[str, str]) -> bool:
    """Whether a browser says that the page of another site has it send this: nobody asked its user."""
    site = fields.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = fields.get("origin")
    return origin is not None and origin.partition("://")[2] != fields.get("host")


def read_target(head: Request, target: str) -> Request:
    """The function that a path names."""
    path, mark, _ = AUTHORITY.sub("", target, count=1).partition("?")
    if mark:
        return refuse(head, 400, f"the path is {target!r}, expected %3F for a ? in a function's name")
    function = unquote_to_bytes(path.removeprefix("/").encode("latin-1"))
    if b"\0" in function:
        return refuse(head, 400, f"the path is {target!r}, expected a function's name without NUL")
    if not function:
        return head._replace(refusal=NOTHING if head.method == "HEAD" else NOT_FOUND)
    return head._replace(function=function)


def read_job(head: Request, fields: Mapping[str, str]) -> Request:
    """What the headers say of the job."""
    priority = fields.get("x-gearman-priority", "").lower()
    if (priority, False) not in SUBMITS:
        return refuse(head, 400, f"X-Gearman-Priority is {priority!r}, expected high, normal or low")
    background = fields.get("x-gearman-background", "false").lower()
    if background not in ("true", "false"):
        return refuse(head, 400, f"X-Gearman-Background is {background!r}, expected true or false")
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


def read_length(head: Request, fields: Mapping[str, str], limit: int) -> Request:
    """How long the body is."""
    if "transfer-encoding" in fields:
        return refuse(
            head, 411, f"Transfer-Encoding is {fields['transfer-encoding']!r}, expected a Content-Length"
        )
    length = fields.get("content-length", "0")
    if not re.fullmatch("[0-9]{1,18}", length):
        return refuse(head, 400, f"Content-Length is {length!r}, expected a number of bytes")
    if int(length) > limit:
        return refuse(head, 413, f"the workload has {int(length)} bytes, expected at most {limit}")
    continues = head.version == NEWEST and fields.get("expect", "").lower() == "100-continue"
    return head._replace(length=int(length), continues=continues)
