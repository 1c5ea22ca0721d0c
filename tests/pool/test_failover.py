"""The engine's primary is killed under load: what was acknowledged is there, and nobody notices but by waiting."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import pytest

from tests.pool.trial import LONGEST, Trial
from tests.support.engines import EngineSet, Redis, cluster, role_of, sentinels
from tests.support.machine import wait_until
from tests.support.pools import pool

OPTIONS = ("--ack", "replica", "--heartbeat", "1")
PATIENCE = 30.0  # seconds: sentinels look at replicas every ten


@pytest.mark.timeout(LONGEST)
def test_a_killed_primary_with_sentinels() -> None:
    """Its replicas lag, its leader is killed as well, or both: then nobody knows what the replicas missed."""
    with sentinels() as engine, pool(engine.url, 2, *OPTIONS) as members:
        trial = Trial(members)

        async def kill(round: int) -> None:
            primary, leader = engine.primary, await trial.victim(0)
            if round % 4 in (1, 2):
                await let_replicas_lag(engine, trial)
            await asyncio.to_thread(primary.kill)
            if round % 2:
                await trial.kill(leader)
            engine.go_on()
            await replace(engine, primary, [primary])
            if round % 2:
                await asyncio.to_thread(members.again, leader)

        trial.run(kill)


@pytest.mark.timeout(LONGEST)
def test_a_killed_primary_of_a_cluster() -> None:
    with cluster() as engine, pool(engine.url, 2, *OPTIONS) as members:
        trial = Trial(members)

        async def kill(round: int) -> None:
            primaries = masters(engine)
            primary = trial.chance.choice(primaries)
            await asyncio.to_thread(primary.kill)
            await replace(engine, primary, primaries)

        trial.run(kill)
        assert not trial.ledger.refused


async def let_replicas_lag(engine: EngineSet, trial: Trial) -> None:
    """Have the replicas stand still: nothing is acknowledged that they do not have."""
    engine.pause_replicas()
    paused_at = time.monotonic()
    await asyncio.sleep(trial.chance.uniform(0.3, 0.6))
    assert not trial.ledger.acknowledged_since(paused_at)


async def replace(engine: EngineSet, primary: Redis, primaries: list[Redis]) -> None:
    """Wait until another node is in the place of a primary that was killed, and have that one follow it."""
    others = [node for node in primaries if node is not primary]
    await asyncio.to_thread(wait_until, partial(has_another, engine, others), "another takes over")
    await asyncio.to_thread(wait_until, engine.is_calm, "all agree who that is", PATIENCE)
    (successor,) = (node for node in masters(engine) if node not in others)
    await asyncio.to_thread(engine.revive, primary, successor)


def masters(engine: EngineSet) -> list[Redis]:
    """The nodes that are primaries."""
    return [node for node in engine.nodes if role_of(node) == "master"]


def has_another(engine: EngineSet, others: list[Redis]) -> bool:
    """Whether there is one primary more than those."""
    return len(masters(engine)) == len(others) + 1
