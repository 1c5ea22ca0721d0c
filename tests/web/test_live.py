"""The stream of snapshots: one look for all who listen, and none when nobody does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from geartrain.errors import ConnectionLost, GearmanError
from geartrain.protocol.admin import Query
from geartrain.web import live as module
from geartrain.web.live import Live
from geartrain.web.looks import PAGE


class Server:
    """A job server with so many functions, whose answers the test can refuse."""

    def __init__(self, functions: int) -> None:
        self.names = [f"f{number}" for number in range(functions)]
        self.asked: list[str] = []
        self.open = 0
        self.lost = False

    def admit(self, host: bytes) -> Server:
        self.open += 1
        return self

    def say(self, chunk: bytes) -> None:
        raise AssertionError(chunk)

    async def hear(self) -> bytes:
        raise AssertionError("nothing was said")

    async def ask(self, query: Query[Any]) -> Any:
        self.asked.append(query.line)
        await asyncio.sleep(0)
        if self.lost:
            raise ConnectionLost("the server has ended the connection", server="the server")
        if query.line == "stats":
            return [{"version": "1"}]
        _, _, limit, skip = query.line.split()
        return [{"function": name} for name in self.names[int(skip) : int(skip) + int(limit)]]

    async def ask_all(self, queries: Sequence[Query[Any]]) -> list[Any | GearmanError]:
        raise AssertionError(queries)

    def close(self) -> None:
        self.open -= 1


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.0)
    monkeypatch.setattr(module, "FUNCTIONS_A_SECOND", 1e9)


def snapshot_in(event: bytes) -> dict[str, Any]:
    kind, data = event.decode().removesuffix("\n\n").split("\n")
    assert kind == "event: snapshot"
    snapshot: dict[str, Any] = json.loads(data.removeprefix("data: "))
    return snapshot


def test_nobody_looks_before_somebody_listens_and_after_the_last_has_left() -> None:
    async def run() -> None:
        server = Server(2)
        live = Live(server.admit)
        await asyncio.sleep(0.01)
        assert not server.asked
        first, second = live.events(), live.events()
        assert snapshot_in(await anext(first))["functions"] == [{"function": "f0"}, {"function": "f1"}]
        await anext(second)
        await first.aclose()
        assert live.task is not None
        await second.aclose()
        await asyncio.sleep(0)
        looks = live.looks
        await asyncio.sleep(0.01)
        assert (live.looks, server.open) == (looks, 0)
        again = live.events()
        assert snapshot_in(await anext(again))["server"] == {"version": "1"}
        await again.aclose()

    asyncio.run(run())


def test_all_who_listen_hear_the_same_event_which_is_made_once() -> None:
    async def run() -> None:
        live = Live(Server(2).admit)
        streams = [live.events() for _ in range(5)]
        for stream in streams:
            await anext(stream)  # they have come at different times
        heard = await asyncio.gather(*[anext(stream) for stream in streams])
        assert all(event is heard[0] for event in heard)
        for stream in streams:
            await stream.aclose()

    asyncio.run(run())


def test_somebody_who_may_not_see_all_functions_hears_of_the_others_only() -> None:
    async def run() -> None:
        live = Live(Server(12).admit)
        stream = live.events(lambda name: name.startswith("f1"))
        names = [row["function"] for row in snapshot_in(await anext(stream))["functions"]]
        assert names == ["f1", "f10", "f11"]
        await stream.aclose()

    asyncio.run(run())


def test_many_functions_are_asked_a_few_at_a_time() -> None:
    async def run() -> None:
        server = Server(2 * PAGE + 1)
        stream = Live(server.admit).events()
        assert len(snapshot_in(await anext(stream))["functions"]) == 2 * PAGE + 1
        assert server.asked[:4] == [
            "stats",
            f"functions * {PAGE} 0",
            f"functions * {PAGE} {PAGE}",
            f"functions * {PAGE} {2 * PAGE}",
        ]
        await stream.aclose()

    asyncio.run(run())


def test_while_nothing_can_be_had_listeners_are_told_that_we_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PULSE", 0.01)

    async def run() -> None:
        server = Server(2)
        server.lost = True
        stream = Live(server.admit).events()
        assert await anext(stream) == b":\n\n"
        server.lost = False
        assert snapshot_in(await anext(stream))["functions"]
        await stream.aclose()

    asyncio.run(run())
