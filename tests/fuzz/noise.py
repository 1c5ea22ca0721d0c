"""Noise: what peers that are broken, or mean it, might say. All of it comes from one seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Final
from urllib.parse import quote_from_bytes

from geartrain.broker.admin import COMMANDS as VERBS
from geartrain.protocol.commands import COMMANDS, EXTENSION
from geartrain.protocol.packet import HEADER, REQUEST, RESPONSE

TYPES: Final = [command.number for command in (*COMMANDS, *EXTENSION)]
COUNTS: Final = {command.number: len(command.arguments) for command in (*COMMANDS, *EXTENSION)}
NAMES: Final = [
    b"resize",
    b"mail",
    b"",
    b"*",
    b"-",
    b"#",
    b"a" * 300,
    "größer".encode(),
    b"\xff\xfe",
    b"a b",
    b"{}",
    b"[x",
]
NUMBERS: Final = [
    b"0",
    b"1",
    b"-1",
    b"999999999999999999999",
    b"1e9",
    b"NaN",
    b"0x10",
    b" 7",
    b"",
    b"2147483648",
]
JSON: Final[list[object]] = [
    {}, [], None, 0, 1e308, "x", {"background": True}, {"background": "yes"}, {"priority": "urgent"}, {"run_at": -1},
    {"metadata": {"a": "b"}}, {"metadata": {"a": 1}}, {"retry": {"attempts": -1}}, {"timeout": "soon"},
    {"cron": "* * * * *"},
    {"function": "mail", "every": "1h"}, {"state": "queued", "limit": 10}, {"cursor": "zzz"}, {"limit": -5},
]  # fmt: skip
VERSIONS: Final = [b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b""]
METHODS: Final = [
    b"GET",
    b"POST",
    b"PUT",
    b"PATCH",
    b"DELETE",
    b"HEAD",
    b"OPTIONS",
    b"TRACE",
    b"GE T",
    b"",
    b"PRI",
]
PATHS: Final = [
    b"/", b"/metrics", b"/readyz", b"/api/v1/jobs", b"/api/v1/jobs?limit=0", b"/api/v1/jobs?cursor=%00",
    b"/api/v1/jobs/H:x:1",
    b"/api/v1/functions", b"/api/v1/functions/mail", b"/api/v1/functions/%FF", b"/api/v1/jobs/batch", b"/api/v1/dead",
    b"/api/v1/schedules/%2F", b"/api/v1/history?span=year", b"/api/v1/openapi.json", b"/static/../../../etc/passwd",
    b"/static/%2e%2e/%2e%2e/app.py", b"/api/v1/workers/1/drain", b"//", b"/" + b"a" * 9000, b"*",
    b"http://other/api/v1/jobs",
]  # fmt: skip
HEADERS: Final = [
    b"Host: localhost", b"Host: elsewhere.example", b"Content-Type: application/json", b"Content-Type: text/plain",
    b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999", b"Transfer-Encoding: chunked",
    b"Accept: text/event-stream", b"Authorization: Bearer x", b"Authorization: \xff", b"Cookie: session=x",
    b"Origin: null",
    b"X-CSRF-Token: x", b"Connection: close", b"Expect: 100-continue", b"X-Gearman-Priority: high",
    b"X-Gearman-Unique: -",
    b"no colon", b"X: " + b"y" * 20000, b"Upgrade: websocket",
]  # fmt: skip
SETTINGS: Final = [
    "listen", "port", "store", "http", "max-workload", "verbose", "grace", "functions", "schedules", "access",
    "no-such-key",
    "functions.mail", 'functions."*"', "schedules.nightly", "access.roles.r", "access.grants",
    "retry", "timeout", "rate", "cron", "every", "function", "workload", "submit", "role", "network",
]  # fmt: skip
VALUES: Final = [
    "1", "-1", "1.5", "true", '"x"', '"1h"', "[]", "[1]", '["*"]', "{}", "{ attempts = 3 }", "1979-05-27", '""',
    "nan", "inf",
    '"* * * * *"', '"10/s"', '"127.0.0.1"', '"sqlite:/x"', "99999999999999999999", '"\\u0000"', "0x1F",
]  # fmt: skip


class Noise:
    """Makes it up."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)

    def blob(self, most: int) -> bytes:
        return self.random.randbytes(self.random.randrange(most))

    def argument(self) -> bytes:
        """What an argument may be, or may not."""
        kinds: Sequence[Callable[[], bytes]] = (
            lambda: self.random.choice(NAMES),
            lambda: self.random.choice(NUMBERS),
            lambda: b"H:guess:%d" % self.random.randrange(50),
            lambda: json.dumps(self.random.choice(JSON), separators=(",", ":")).encode(),
            lambda: self.blob(200),
            lambda: b"x" * self.random.choice((64, 255, 256, 8193, 70_000)),
        )
        return self.random.choices(kinds, (6, 3, 4, 3, 2, 1))[0]()

    def packet(self) -> bytes:
        """A packet: most are right in form, some in no way."""
        kind = self.random.choice(TYPES) if self.random.random() < 0.97 else self.random.getrandbits(32)
        count = COUNTS.get(kind, 1)
        if self.random.random() < 0.15:
            count = max(0, count + self.random.randint(-2, 2))
        payload = b"\0".join([self.argument() for _ in range(count)])
        length = len(payload)
        if self.random.random() < 0.03:
            length = self.random.choice((0, length + 1, 1 << 31, (1 << 32) - 1))
        magic = REQUEST if self.random.random() < 0.98 else RESPONSE
        return self.damaged(HEADER.pack(magic, kind, length) + payload)

    def line(self) -> bytes:
        """A text command: what would stop others on purpose is left out."""
        verb = self.random.choice(list(VERBS)) if self.random.random() < 0.9 else self.argument()
        words = [verb, *(self.argument() for _ in range(self.random.randrange(5)))]
        if verb.lower() in (b"purge", b"pause", b"drain", b"policy", b"peer-drain"):
            words[1:2] = [self.random.choice((b"mail", b"resize", b"no-such", b"-1"))]
        if self.random.random() < 0.1:
            words = [b"%" + verb, *[quote_from_bytes(word).encode() for word in words[1:]]]
        return b" ".join(words)[:5000].replace(b"\n", b"") + self.random.choice((b"\n", b"\r\n"))

    def request(self) -> bytes:
        """An HTTP request."""
        choose = self.random.choice
        head = [b" ".join((choose(METHODS), choose(PATHS), choose(VERSIONS)))]
        head += self.random.choices(HEADERS, k=self.random.randrange(6))
        body = json.dumps(choose(JSON)).encode() if self.random.random() < 0.7 else self.blob(300)
        if self.random.random() < 0.8:
            head += [
                b"Host: 127.0.0.1",
                b"Content-Type: application/json",
                b"Content-Length: %d" % len(body),
            ]
        return self.damaged(b"\r\n".join(head) + b"\r\n\r\n" + body)

    def record(self) -> bytes:
        """What a peer may send to a port of TLS: the beginning of a record, or anything."""
        head = self.random.choice((b"\x16\x03\x01", b"\x16\x03\x03", b"\x15\x03\x03", b"\x17\x03\x03", b""))
        return head + self.blob(600)

    def document(self) -> str:
        """A configuration file."""
        lines = []
        for _ in range(self.random.randrange(1, 8)):
            key = self.random.choice(SETTINGS)
            shape = self.random.choice(("{} = {}", "{} = {}", "[{}]", "[[{}]]", "{}", "{} ="))
            lines.append(shape.format(key, self.random.choice(VALUES)))
        text = "\n".join(lines)
        return text if self.random.random() < 0.9 else self.damaged(text.encode()).decode("latin-1")

    def damaged(self, whole: bytes) -> bytes:
        """Most are whole; some lack a part, some have one more, some have a wrong byte."""
        chance = self.random.random()
        if chance > 0.06 or not whole:
            return whole
        place = self.random.randrange(len(whole))
        if chance < 0.02:
            return whole[:place]
        if chance < 0.04:
            return whole[:place] + self.blob(20) + whole[place:]
        return whole[:place] + self.blob(2) + whole[place + 1 :]
