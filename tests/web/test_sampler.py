"""The sampler: what it makes of rows, and that it leaves out what it cannot have."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from geartrain.errors import ConnectionLost
from geartrain.protocol.admin import Query
from geartrain.web.looks import Row
from geartrain.web.sampler import Sampler, sample_of

ROW: Row = {
    "function": "resize",
    "queued": {"high": 1, "normal": 20, "low": 300},
    "running": 4,
    "oldest_at": 1000.0,
    "totals": {"submitted": 500, "completed": 70, "failed": 8},
}


class Server:
    """A job server with rows that a test sets."""

    def __init__(self) -> None:
        self.rows: list[Row] | None = [ROW]  # None: it does not answer
        self.open = 0

    def admit(self, host: bytes) -> Any:
        self.open += 1
        return self

    async def ask(self, query: Query[Any]) -> Any:
        if self.rows is None:
            raise ConnectionLost("the server has ended the connection", server="the server")
        return query.read([json.dumps(row) for row in self.rows])

    def close(self) -> None:
        self.open -= 1


def test_a_row_is_counted_in_all_priorities_and_its_oldest_job_has_an_age() -> None:
    assert sample_of(ROW, 1002.5) == (500, 70, 8, 321, 4, 2.5)
    assert sample_of({**ROW, "oldest_at": None}, 1002.5).oldest == 0.0


def test_each_look_is_a_sample_of_the_history() -> None:
    async def run() -> None:
        server = Server()
        sampler = Sampler(server.admit)
        assert await sampler.look() == 1
        server.rows = [{**ROW, "queued": {"high": 0, "normal": 5, "low": 0}}]
        assert await sampler.look() == 1
        for record in sampler.history.records.values():
            record.drawn_at -= 1000  # as if that had been long ago
        assert await sampler.look() == 1
        read = sampler.history.read("hour", "resize")
        assert isinstance(read["series"], dict)
        assert read["series"]["queued"] == [5.0]
        assert read["series"]["submitted"] == [0.0]
        assert not server.open

    asyncio.run(run())


def test_a_sample_that_cannot_be_had_is_left_out() -> None:
    async def run() -> None:
        server = Server()
        sampler = Sampler(server.admit)
        server.rows = None
        assert await sampler.look() == 0
        assert sampler.history.before is None
        assert not server.open

    asyncio.run(run())
