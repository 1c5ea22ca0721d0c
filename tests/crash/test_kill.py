"""kill -9 at any moment: what was acknowledged is there, unaltered, in order, and runs twice only for a reason.

``ROUNDS=500 SEED=1`` in the environment makes it longer, and repeats the choices of a run (`make torture`).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.crash.ledger import Ledger
from tests.crash.load import Load
from tests.support.machine import free_port
from tests.support.processes import ServerProgram, geartrain_server

ROUNDS = int(os.environ.get("ROUNDS", "12"))
SEED = int(os.environ.get("SEED", random.randrange(1_000_000)))


@contextmanager
def life(path: Path, port: int, *options: str) -> Iterator[ServerProgram]:
    """A server on the same jobs and the same port as those before it."""
    with geartrain_server("--store", f"sqlite:{path}", *options, port=port) as server:
        yield server


async def use_and_kill(load: Load, server: ServerProgram, seconds: float) -> None:
    """Have the server used, and kill it after so long."""

    async def kill() -> None:
        await asyncio.sleep(seconds)
        server.process.kill()

    await asyncio.gather(load.until_gone(clients=3, workers=2), kill())


@pytest.mark.timeout(60 + ROUNDS * 10)
@pytest.mark.parametrize("options", [(), ("--workload-memory", "20000")], ids=["in memory", "beyond memory"])
def test_a_killed_server_loses_alters_and_invents_nothing(tmp_path: Path, options: tuple[str, ...]) -> None:
    print(f"SEED={SEED}")
    chance = random.Random(SEED)
    ledger, path, port = Ledger(), tmp_path / "jobs.db", free_port()
    for round in range(ROUNDS):
        with life(path, port, *options) as server:
            asyncio.run(use_and_kill(Load(port, round, ledger, chance), server, chance.uniform(0.0, 0.25)))
    with life(path, port, *options):
        asyncio.run(Load(port, ROUNDS, ledger, chance).drains())
    ledger.check()
    assert len(ledger.handles) > 5 * ROUNDS
