"""Extremes: documents, numbers, names and requests that are right in form and far beyond what anybody means.

Where each may stand is read from the tables: packets by the names of their arguments, text verbs, and the operations
of the API with their parameters and the fields of their bodies.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Final, cast
from urllib.parse import quote, quote_from_bytes

from geartrain.broker.admin import COMMANDS as VERBS
from geartrain.broker.submit_options import NAMES as SUBMIT_OPTIONS
from geartrain.protocol.commands import COMMANDS, EXTENSION, TOKEN_OPTION, Command
from geartrain.protocol.packet import LINE_LIMIT, request
from geartrain.web.answers import EVENTS
from geartrain.web.application import OPERATIONS
from geartrain.web.operations import Operation

API: Final = "/api/v1"
SAID: Final = tuple(command for command in (*COMMANDS, *EXTENSION) if command.sender != "server")
DOCUMENTS: Final = ("options", "workload", "echo", "result", "chunk")  # arguments that may be JSON
TIMES: Final = (
    *("numerator", "denominator", "timeout", "epoch", "delay"),
    *("minute", "hour", "mday", "month", "wday"),
)
LEVELS: Final = (1, 31, 32, 33, 200, 1000, 5000, 100_000)
OPENINGS: Final = ("[", '{"a":', '[{"":', '{"policy":', '{"jobs":[', '{"metadata":')
LENGTHS: Final = (17, 18, 19, 20, 40, 309, 400, 4300, 4301, 5000, 20_000)
SIZES: Final = (0, 1, 62, 63, 64, 127, 128, 199, 201, 254, 255, 256, 511, 512, 513, 4096, 8191, 8193, 65_000)
LETTERS: Final = (
    *("x", "\t", " ", "*", "?", "[", "\\", '"', "%", "/", "..", ",", "~3", "\r", "\n", "\x1b[2J", "\x85"),
    *("é", "\u202e", "\u200b", "\U0001f600", "\udcff"),
)
HOST: Final = b"Host: 127.0.0.1\r\n"
STREAMS: Final = [each for each in OPERATIONS if each.kinds == (EVENTS,)]
QUIET: Final = (b"purge", b"pause", b"drain", b"policy", b"peer-drain", b"store-reattach")
"""Verbs that would stop others on purpose: said of names that nobody has."""


def names_in(schema: object) -> Iterator[str]:
    """The fields of a body, at any depth."""
    if isinstance(schema, Mapping):
        yield from cast(Mapping[str, object], schema.get("properties", {}))
        for part in schema.values():
            yield from names_in(part)
    elif isinstance(schema, (list, tuple)):
        for part in schema:
            yield from names_in(part)


FIELDS: Final = sorted({*SUBMIT_OPTIONS, *(name for each in OPERATIONS for name in names_in(each.body))})


class Extremes:
    """Makes them up, all from one seed; ``most`` bytes has the largest of them."""

    def __init__(self, seed: str, most: int = 20_000) -> None:
        self.random = Random(seed)
        self.most = most

    # Values

    def nested(self) -> bytes:
        """JSON in JSON, whole or without its ends."""
        opening = self.random.choice(OPENINGS)
        levels = min(self.random.choice(LEVELS), self.most // (2 * len(opening)))
        ends = "".join({"[": "]", "{": "}"}.get(sign, "") for sign in reversed(opening))
        text = opening * levels + "1" + (ends * levels if self.random.random() < 0.7 else "")
        return text.encode()

    def digits(self) -> bytes:
        """A number of hundreds or thousands of digits, or one that only looks so."""
        length = min(self.random.choice(LENGTHS), self.most)
        digit = self.random.choice("0123456789")
        forms = (
            digit * length,
            f"-{digit * length}",
            f"+{digit * length}",
            f"{digit * length}.{digit * length}",
            f"1e{digit * length}",
            f"0x{digit * length}",
            "1_" * length + "1",
            "٣" * length,
            f"{digit * length}s",
            f"*/{digit * length}",
            f"{digit * length}-{digit * length}",
            f"{9_223_372_036_854_775_807 + self.random.randrange(-2, 3)}",
            f"{2**64 + self.random.randrange(-2, 3)}",
            "Infinity",
            "1e309",
        )
        return self.random.choice(forms).encode()[: self.most]

    def name(self) -> bytes:
        """A name around a bound, of any bytes."""
        size = min(self.random.choice(SIZES), self.most)
        if self.random.random() < 0.3:
            return Random(self.random.randrange(4)).randbytes(size)  # few names, so that queues are full soon
        letters = self.random.choice(LETTERS).encode("utf-8", "surrogateescape")
        return (letters * size)[:size]

    def handle(self) -> bytes:
        """Something like a handle."""
        return b"H:%b:%b" % (self.name()[:64], self.digits())

    def document(self) -> bytes:
        """An object of known fields with extreme values."""
        fields = self.random.sample(FIELDS, self.random.randint(1, 4))
        text = ",".join(f"{json.dumps(field)}:{self.value()}" for field in fields)
        return b"{%b}" % text.encode()

    def value(self) -> str:
        """A value of JSON."""
        choice = self.random.randrange(5)
        if choice == 0:
            return self.nested().decode()
        if choice == 1:
            return self.digits().decode()
        if choice == 2:
            return json.dumps("x" * min(self.random.choice((300, 5000, 1_100_000)), self.most))
        if choice == 3:
            return json.dumps(self.name().decode("utf-8", "surrogateescape"))
        return json.dumps([0] * min(1001, self.most // 4))

    def anything(self) -> bytes:
        kinds: tuple[Callable[[], bytes], ...] = (
            self.nested,
            self.digits,
            self.name,
            self.handle,
            self.document,
        )
        return self.random.choice(kinds)()

    # Messages

    def packet(self) -> bytes:
        """A packet with an extreme value in each argument, of the kind that belongs there."""
        command = self.random.choice(SAID)
        arguments = [self.argument(command, place) for place in range(len(command.arguments))]
        return request(command.number, *arguments)

    def argument(self, command: Command, place: int) -> bytes:
        """One argument; only the last one may have NULs."""
        kind = command.arguments[place]
        if self.random.random() < 0.2:
            value = self.anything()
        elif kind in DOCUMENTS:
            value = self.random.choice((self.document, self.nested))()
        elif kind in TIMES:
            value = self.digits()
        elif kind == "handle":
            value = self.handle()
        elif kind == "option":
            value = self.random.choice((b"", TOKEN_OPTION)) + self.name()
        else:
            value = self.name()
        last = place == len(command.arguments) - 1
        return value if last else value.replace(b"\0", b"0")

    def line(self) -> bytes:
        """A text command, as long as a line may be and sometimes longer."""
        verb = self.random.choice(list(VERBS))
        words = [self.anything() for _ in range(self.random.randint(1, 3))]
        if verb in QUIET:
            words.insert(0, b"no-such-%d" % self.random.randrange(9))
        most = LINE_LIMIT + self.random.choice((-3, -1, 0, 1, 500))
        line = b" ".join((verb, *words)).replace(b"\n", b"?")
        return line[: min(most, self.most)] + b"\r\n"

    def call(self) -> bytes:
        """A call of an operation of the API, with an extreme value in each place."""
        operation = self.random.choice(OPERATIONS)
        target = f"{API}{self.path(operation)}{self.query(operation)}".encode()
        body = self.document() if operation.body is not None else b""
        if operation.body is not None and self.random.random() < 0.3:
            body = self.nested()
        head = b"%b %b HTTP/1.1\r\n%b" % (operation.method.encode(), target, HOST)
        kind = b"Content-Type: application/json\r\n"
        if self.random.random() < 0.2:
            chunk = b"%x\r\n%b\r\n" % (len(body), body)
            return head + kind + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + self.trailers()
        return head + kind + b"Content-Length: %d\r\n\r\n" % len(body) + body

    def path(self, operation: Operation) -> str:
        """The operation's path with its names filled in."""
        path = operation.path
        while "{" in path:
            before, _, rest = path.partition("{")
            _, _, after = rest.partition("}")
            path = before + quote_from_bytes(self.anything()[:8000], safe="") + after
        return path

    def query(self, operation: Operation) -> str:
        """Some of the operation's parameters."""
        names = self.random.sample(list(operation.parameters), min(2, len(operation.parameters)))
        names += ["limit"] if self.random.random() < 0.1 else []
        words = [f"{quote(name)}={quote_from_bytes(self.anything()[:5000])}" for name in names]
        return f"?{'&'.join(words)}" if words else ""

    def trailers(self) -> bytes:
        """The end of a body in chunks."""
        lines = b"X-%b: %b\r\n" % (b"y" * 20, b"z" * 50)
        return b"0\r\n" + lines * self.random.choice((0, 1, 100, 2000)) + b"\r\n"

    def head(self) -> bytes:
        """Requests whose heads are long, many, or never end."""
        line = b"GET /livez HTTP/1.1\r\n" + HOST
        forms = (
            line + b"X: %b\r\n\r\n" % self.digits(),
            line + b"Content-Length: %b\r\n\r\n" % self.digits(),
            line
            + b"X-%d: y\r\n" % self.random.randrange(99) * self.random.choice((10, 1000, 9000))
            + b"\r\n",
            line + b"X: " + b"a" * self.random.choice((8000, 64_000, 70_000)),
            line + b"Transfer-Encoding: chunked\r\n\r\n" + self.digits() + b"\r\n",
            line + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 70_000 + b"\r\n",
            b"GET /" + self.name() * 10 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
            (line + b"\r\n") * self.random.choice((2, 50, 400)),
            line + b"Connection: keep-alive\r\n\r\n" + b"\r\n" * 3000,
            b"POST / HTTP/1.1\r\n" + HOST + b"X-Gearman-Priority: %b\r\n\r\n" % self.digits(),
            line + b"Referer: http://%b/\r\nOrigin: %b\r\n\r\n" % (self.digits(), self.name()),
        )
        return self.random.choice(forms)

    def stream(self) -> bytes:
        """A request for a stream of events."""
        stream = self.random.choice(STREAMS)
        query = f"?sample={self.random.choice((1, 1000))}" if self.random.random() < 0.5 else ""
        head = f"GET {API}{stream.path.format(handle='H:nobody:1')}{query} HTTP/1.1\r\n"
        return head.encode() + HOST + b"Accept: text/event-stream\r\n\r\n"
