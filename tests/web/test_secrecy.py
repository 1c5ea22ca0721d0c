"""What a caller with rights on ``pub*`` hears over HTTP of functions named ``secret…``: nothing, whatever it asks.

The requests are made of the table of operations: each path, each parameter and each field of a body, with each kind of
value. A parameter or a field that this test has no values for fails it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, cast

import httpx
import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    OPTION_REQ,
    OPTION_RES,
    SET_CLIENT_ID,
    SUBMIT_JOB_BG,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.web.answers import JSON
from geartrain.web.application import OPERATIONS
from geartrain.web.operations import Operation
from tests.server.links import Link
from tests.web.sites import Site, site
from tests.wire import Packet

SECRET: Final = "secret"
TOKEN: Final = "0123456789abcdef-operator"
RULES: Final = """
[access.roles.pub]
submit = ["pub*"]
work = ["pub*"]
view = ["pub*"]
admin = ["pub*"]

[[access.grants]]
role = "pub"
network = "127.0.0.0/8"

[access.roles.operator]
submit = ["*"]
work = ["*"]
view = ["*"]
admin = ["*"]

[[access.grants]]
role = "operator"
token_file = "{file}"
"""
PLAIN: Final[Mapping[str, tuple[object, ...]]] = {
    **dict.fromkeys(("older_than", "younger_than", "limit", "sample"), (1,)),
    **dict.fromkeys(("background", "raw", "paused", "all"), (True,)),
    **dict.fromkeys(("workload", "workload_base64", "token"), ("dG9rZW4tbm9ib2R5",)),
    "state": ("running", "queued"),
    "span": ("hour", "day"),
    "priority": ("normal",),
    "run_at": (4e9,),
    "delay": (1000,),
    "wait": (0.01,),
    "metadata": ({"a": "b"},),
    "policy": ({"timeout": 5},),
    "cron": ("0 3 * * *",),
    "every": (3600,),
    "timezone": ("UTC",),
    "catch_up": ("last",),
}
"""Values about nothing secret, by the name of a parameter or a field."""

MONITORS: Final = ("/metrics", "/livez", "/readyz", "/", f"/{SECRET}-alpha", "/api/v1/openapi.json")
PATIENCE: Final = 0.05  # seconds in which a stream says something
TIMES: Final = re.compile(r"\d+\.\d{3,}")


class Value(NamedTuple):
    """What a request says somewhere, and the same about something that does not exist."""

    said: object
    twin: object = None  # None where it is about nothing secret

    @property
    def other(self) -> object:
        return self.said if self.twin is None else self.twin


class Asked(NamedTuple):
    """A request."""

    operation: Operation
    path: Mapping[str, Value]
    query: Mapping[str, Value]
    body: Mapping[str, Value] | None

    def values(self) -> list[Value]:
        return [*self.path.values(), *self.query.values(), *(self.body or {}).values()]

    def is_about_secrets(self) -> bool:
        return any(value.twin is not None for value in self.values())

    def of(self, twin: bool) -> tuple[str, dict[str, Any], dict[str, object] | None]:
        """The path, the parameters and the body."""

        def choose(value: Value) -> object:
            return value.other if twin else value.said

        path = self.operation.path
        for name, value in self.path.items():
            path = path.replace(f"{{{name}}}", str(choose(value)))
        body = None if self.body is None else {name: choose(value) for name, value in self.body.items()}
        return path, {name: choose(value) for name, value in self.query.items()}, body


class World:
    """A site with the same things of a public function and of a secret one."""

    def __init__(self, running: Site) -> None:
        self.site = running
        self.link = self.connect()
        self.handles: dict[str, list[str]] = {}
        for function, kind in (("pub-one", "pub"), (f"{SECRET}-alpha", SECRET)):
            self.fill(function, kind)
        peers = [json.loads(line) for line in self.says(b"peers").splitlines()[:-1]]
        number = next(peer["number"] for peer in peers if peer["id"] == f"{SECRET}-worker")
        self.numbers = [Value(number, 987_654_321), Value(1)]

    def connect(self) -> Link:
        link = self.site.connect()
        assert link.asks(OPTION_REQ, b"token:" + TOKEN.encode()) == (OPTION_RES, b"token")
        return link

    def says(self, line: bytes) -> bytes:
        """The answer to a line of the operator's."""
        self.link.sends(line + b"\n")
        answer = b""
        while not answer.endswith((b".\n", b"\r\n")):
            answer += self.link.hears_line()
        assert not answer.startswith(b"ERR"), answer
        return answer

    def fill(self, function: str, kind: str) -> None:
        """Have a dead letter, a result, jobs, a worker, a schedule and a policy of a function."""
        name, worker = function.encode(), self.connect()
        self.says(b'policy %b {"dead_letter":true,"keep_result":3600,"timeout":77777}' % name)
        worker.says(SET_CLIENT_ID, f"{kind}-worker".encode())
        worker.says(CAN_DO, name)
        handles = []
        for end in ("dead", "done", "runs", "waits"):
            created = self.link.asks(
                SUBMIT_JOB_BG, name, f"{kind}-{end}".encode(), f"{kind} workload".encode()
            )
            handles.append(told(created))
            if end == "waits":
                break
            handle = worker.waits_for_a_job()[0]
            if end == "dead":
                worker.says(WORK_FAIL, handle)
            elif end == "done":
                worker.says(WORK_COMPLETE, handle, f"{kind} result".encode())
        later = self.link.asks(SUBMIT_JOB_EPOCH, name, f"{kind}-later".encode(), b"4000000000", b"w")
        handles.append(told(later))
        plan = json.dumps({"function": function, "every": 3600, "workload": kind}, separators=(",", ":"))
        self.says(f"schedule-add {kind}-nightly {plan}".encode())
        self.handles[kind] = [handle.decode() for handle in handles]

    # Values

    def functions(self) -> list[Value]:
        same = ("pub-one", "*", "s*", SECRET, "[ps]*")
        return [Value(f"{SECRET}-alpha", f"{SECRET}-omega"), *map(Value, same)]

    def jobs(self) -> list[Value]:
        twins = [Value(handle, "H:nowhere:987654") for handle in self.handles[SECRET]]
        return [*twins, Value(self.handles["pub"][-1]), Value("H:")]

    def texts(self) -> list[Value]:
        kinds = ("dead", "runs", "waits", "nightly", "worker")
        return [Value(f"{SECRET}-{kind}", f"{SECRET}-{'x' * len(kind)}") for kind in kinds]

    def cursors(self) -> list[Value]:
        behind = [Value(f"0,{value.said}", f"0,{value.twin}") for value in self.jobs() if value.twin]
        return [*behind, Value("0.0"), Value("nonsense")]

    def kind(self, name: str, path: str) -> list[Value]:
        """What a parameter or a field may be; a name that is not here fails the test."""
        if name == "name" and path.startswith("/schedules"):
            return [*self.texts()[3:], Value("pub-nightly")]
        jobs, functions, texts = self.jobs(), self.functions(), self.texts()
        known = {
            **dict.fromkeys(("name", "function", "reducer"), functions),
            **dict.fromkeys(("unique", "worker"), texts),
            "handle": jobs,
            "handles": [Value([job.said], [job.other]) for job in jobs],
            "number": self.numbers,
            "cursor": self.cursors(),
            "jobs": [Value([{"function": each.said}], [{"function": each.other}]) for each in functions],
        }
        return known[name] if name in known else [Value(said) for said in PLAIN[name]]

    def requests(self, operation: Operation) -> Iterator[Asked]:
        """An operation with each value in each place; elsewhere what is public."""
        kind = partial(self.kind, path=operation.path)
        names = re.findall(r"\{(\w+)\}", operation.path)
        places = {name: kind(name) for name in names}
        plain = {name: public(values) for name, values in places.items()}
        schema = operation.body or {}
        wanted = cast(list[str], schema.get("required", []))
        fields = cast(Mapping[str, object], schema.get("properties", {}))
        body = None if operation.body is None else {name: public(kind(name)) for name in wanted}
        yield Asked(operation, plain, {}, body)
        for name, values in places.items():
            for value in values:
                yield Asked(operation, {**plain, name: value}, {}, body)
        for name in operation.parameters:
            for value in kind(name):
                yield Asked(operation, plain, {name: value}, body)
        for name in fields:
            for value in kind(name):
                yield Asked(operation, plain, {}, {**(body or {}), name: value})


def told(packet: Packet) -> bytes:
    """The first argument of a packet."""
    _, *arguments = packet
    return arguments[0]


def public(values: list[Value]) -> Value:
    """A value about nothing secret."""
    return next((value for value in values if value.twin is None), values[-1])


def would_take_a_name(asked: Asked) -> bool:
    """Whether a request gives a secret name to something of the caller's own, or is told that somebody has it."""
    return asked.operation.method == "PUT" and any(value.twin for value in asked.path.values())


def heard(client: httpx.Client, asked: Asked, twin: bool) -> str:
    """The status and all that an answer says, without what the request says itself; of a stream its beginning."""
    path, query, body = asked.of(twin)
    text = ""
    for kind in asked.operation.kinds:
        try:
            with client.stream(
                asked.operation.method, path, params=query, json=body, headers={"Accept": kind},
                timeout=30.0,
            ) as response:  # fmt: skip
                if kind != JSON:  # only what follows the head may be missing
                    response.request.extensions["timeout"]["read"] = PATIENCE
                text += f"{response.status_code} "
                for piece in response.iter_text():
                    text += piece
        except httpx.ReadTimeout:
            pass
    words = {word for value in asked.values() for said in value for word in words_in(said)}
    for word in sorted(words, key=len, reverse=True):
        text = re.sub(rf"\b{word}\b", "?", text) if word.isdigit() else text.replace(word, "?")
    return TIMES.sub("#", text)


def words_in(value: object) -> list[str]:
    """The texts in a value, and those that a message may show of it."""
    if isinstance(value, str):
        return [value] if len(value) > 5 else []
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in words_in(item)]
    if isinstance(value, dict):
        return [word for item in value.values() for word in words_in(item)]
    return [str(value)] if isinstance(value, int) and value > 1 else []


@pytest.fixture(scope="module", params=["alone", "shards"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server alone, and one of a pool that leads one shard of three."""
    folder = tmp_path_factory.mktemp("secrecy")
    file, path = folder / "operator.token", folder / "geartrain.toml"
    file.write_text(TOKEN)
    file.chmod(0o600)
    path.write_text(RULES.format(file=file))
    with site("--config", str(path), where=request.param) as running:
        yield World(running)


def test_no_operation_tells_of_what_one_may_not_view(world: World) -> None:
    reads_first = sorted(OPERATIONS, key=lambda operation: operation.method != "GET")
    asked = 0
    with httpx.Client(base_url=world.site.http.base_url) as client:
        for operation in reads_first:
            for request in world.requests(operation):
                if would_take_a_name(request):
                    continue
                answer = heard(client, request, False)
                assert SECRET not in answer.lower(), (request.of(False), answer)
                if request.is_about_secrets():
                    assert answer == heard(client, request, True), request.of(False)
                asked += 1
    assert asked > 200


def test_nor_do_the_paths_beside_the_api(world: World) -> None:
    metrics = ""
    for path in MONITORS:
        metrics += httpx.get(world.site.url + path).text.replace(f"{SECRET}-alpha", "?")
    assert f"{SECRET}-" not in metrics
    assert "geartrain_build_info" in metrics


def test_what_is_secret_is_there_still(world: World) -> None:
    operator = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=world.site.http.base_url, headers=operator) as client:
        for path in ("/functions", "/jobs", "/dead", "/schedules", "/workers"):
            assert f"{SECRET}-" in client.get(path).text, path
        handles = world.handles[SECRET]
        assert [client.get(f"/jobs/{handle}").json()["state"] for handle in handles] == [
            "dead", "complete", "running", "queued", "delayed",
        ]  # fmt: skip
