"""A server is told to end under load (SIGTERM): what runs ends, nothing is lost, and nothing runs twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.pool.trial import LONGEST, Trial
from tests.support.engines import EngineSet
from tests.support.pools import Pool, pool


@pytest.fixture
def members(engine: EngineSet) -> Iterator[Pool]:
    with pool(f"{engine.url}?namespace=rolling", 3) as members:
        yield members


@pytest.mark.timeout(LONGEST)
def test_each_server_is_restarted_in_turn(members: Pool) -> None:
    trial = Trial(members)

    async def restart_all(round: int) -> None:
        victims = [await trial.victim(0), *await asyncio.to_thread(members.followers)]
        for victim in victims:
            await asyncio.to_thread(victim.stop)
            trial.load.ended(victim.port)
            await asyncio.to_thread(members.again, victim)

    trial.run(restart_all)
    assert trial.ledger.refused == trial.ledger.cut == []
    assert not [run for run in trial.ledger.executed if run.lost]
