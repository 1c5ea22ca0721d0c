"""The engine's primary is killed under load: what was acknowledged is there, and nobody notices but by waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest

from tests.pool.trial import LONGEST, Trial
from tests.support.engines import EngineSet, Redis, cluster, role_of, sentinels
from tests.support.machine import wait_until
from tests.support.pools import pool


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("engines", [sentinels, cluster])
def test_a_killed_primary(engines: Callable[[], AbstractContextManager[EngineSet]]) -> None:
    with engines() as engine, pool(engine.url, 2, "--ack", "replica") as members:
        trial = Trial(members)

        async def kill(round: int) -> None:
            primaries = masters(engine)
            primary = trial.chance.choice(primaries)
            await asyncio.to_thread(primary.kill)
            others = [node for node in primaries if node is not primary]
            await asyncio.to_thread(wait_until, partial(has_another, engine, others), "another takes over")
            (successor,) = (node for node in masters(engine) if node not in others)
            await asyncio.sleep(trial.chance.uniform(0.0, 0.5))
            await asyncio.to_thread(engine.revive, primary, successor)

        trial.run(kill)
        assert not trial.ledger.refused


def masters(engine: EngineSet) -> list[Redis]:
    """The nodes that are primaries."""
    return [node for node in engine.nodes if role_of(node) == "master"]


def has_another(engine: EngineSet, others: list[Redis]) -> bool:
    """Whether there is one primary more than those."""
    return len(masters(engine)) == len(others) + 1
