"""kill -9 of a pool's servers under load: nothing is lost, nothing runs twice without a reason, all is answered once.

``ROUNDS=10 SEED=1`` in the environment makes it longer, and repeats the choices of a run (`make torture`).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator

import pytest

from tests.pool.ledger import Ledger
from tests.pool.load import Load
from tests.support.engines import EngineSet
from tests.support.pools import Pool, about, pool
from tests.support.processes import ServerProgram

ROUNDS = int(os.environ.get("ROUNDS", "2"))
SEED = int(os.environ.get("SEED", random.randrange(1_000_000)))


class Trial:
    """A pool under load, what happens to it, and what came of that."""

    def __init__(self, members: Pool) -> None:
        print(f"SEED={SEED}")
        self.members = members
        self.chance = random.Random(SEED)
        self.ledger = Ledger()
        self.load = Load([server.port for server in members.servers], self.ledger, self.chance)

    def victim(self, round: int) -> ServerProgram:
        """The leader and a follower by turns."""
        if round % 2:
            return self.chance.choice(self.members.followers())
        return self.members.leader()

    def note_fenced(self, *servers: ServerProgram) -> None:
        """Count what servers have refused, before they are gone."""
        for server in servers:
            self.ledger.fenced += sum(row["fenced"] for row in about(server) if row.get("id") and row["here"])

    def disturb(self) -> None:
        self.ledger.disturbed_at.append(time.monotonic())


@pytest.fixture
def members(engine: EngineSet) -> Iterator[Pool]:
    """A pool that gives a silent server up soon."""
    with pool(engine.url, 3, "--heartbeat", "1") as members:
        yield members


@pytest.mark.timeout(60 + ROUNDS * 20)
def test_kill_9_of_a_server(members: Pool) -> None:
    trial = Trial(members)

    async def kill_one_after_the_other() -> None:
        for round in range(ROUNDS):
            await asyncio.sleep(trial.chance.uniform(0.3, 1.0))
            victim = await asyncio.to_thread(trial.victim, round)
            await asyncio.to_thread(trial.note_fenced, victim)
            trial.disturb()
            await asyncio.to_thread(victim.kill)
            trial.load.died(victim.port)
            await asyncio.sleep(trial.chance.uniform(0.0, 1.0))
            await asyncio.to_thread(members.again, victim)
            await asyncio.to_thread(members.wait_until_led)

    asyncio.run(trial.load.while_doing(kill_one_after_the_other))
    trial.note_fenced(*members.servers)
    trial.ledger.check()
    print(
        len(trial.ledger.submitted),
        len(trial.ledger.executed),
        len(trial.ledger.called),
        trial.ledger.fenced,
        trial.ledger.refused,
    )
    assert not trial.ledger.refused
