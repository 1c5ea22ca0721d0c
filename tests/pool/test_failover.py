"""The engine's primary is killed under load: what was acknowledged is there, and nobody notices but by waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from functools import partial

import pytest

from tests.pool.trial import LONGEST, Trial
from tests.support.engines import EngineSet, Redis, cluster, role_of, sentinels
from tests.support.machine import wait_until
from tests.support.pools import pool


@pytest.fixture(scope="module")
def watched() -> Iterator[EngineSet]:
    """A primary with two replicas, and sentinels."""
    with sentinels() as engine:
        yield engine


@pytest.mark.timeout(LONGEST)
def test_a_killed_primary(watched: EngineSet) -> None:
    kill_primaries(watched, "killed")


@pytest.mark.timeout(LONGEST)
def test_a_killed_primary_of_a_cluster() -> None:
    with cluster() as engine:
        kill_primaries(engine, "killed")


def kill_primaries(engine: EngineSet, namespace: str) -> None:
    """Kill one primary after the other while the pool is used."""
    with pool(f"{engine.url}?namespace={namespace}", 2, "--ack", "replica") as members:
        trial = Trial(members)

        async def kill(round: int) -> None:
            primaries = masters(engine)
            primary = trial.chance.choice(primaries)
            await asyncio.to_thread(primary.kill)
            await replace(engine, primary, primaries)

        trial.run(kill)
        assert not trial.ledger.refused


async def replace(engine: EngineSet, primary: Redis, primaries: list[Redis]) -> None:
    """Wait until another node is in the place of a primary that was killed, and have that one follow it."""
    others = [node for node in primaries if node is not primary]
    await asyncio.to_thread(wait_until, partial(has_another, engine, others), "another takes over")
    (successor,) = (node for node in masters(engine) if node not in others)
    await asyncio.to_thread(engine.revive, primary, successor)


@pytest.mark.timeout(LONGEST)
def test_a_primary_that_is_killed_while_its_replicas_lag(watched: EngineSet) -> None:
    """Its leader is killed as well every other time: then nobody knows what the replicas missed."""
    with pool(f"{watched.url}?namespace=lagging", 2, "--ack", "replica", "--heartbeat", "1") as members:
        trial = Trial(members)

        async def kill(round: int) -> None:
            primary, leader = watched.primary, await trial.victim(0)
            watched.pause_replicas()
            paused_at = time.monotonic()
            await asyncio.sleep(trial.chance.uniform(0.3, 0.6))
            assert not trial.ledger.acknowledged_since(paused_at)
            await asyncio.to_thread(primary.kill)
            if round % 2:
                await asyncio.to_thread(leader.kill)
                trial.load.died(leader.port)
            watched.go_on()
            await replace(watched, primary, [primary])
            if round % 2:
                await asyncio.to_thread(members.again, leader)

        trial.run(kill)


def masters(engine: EngineSet) -> list[Redis]:
    """The nodes that are primaries."""
    return [node for node in engine.nodes if role_of(node) == "master"]


def has_another(engine: EngineSet, others: list[Redis]) -> bool:
    """Whether there is one primary more than those."""
    return len(masters(engine)) == len(others) + 1
