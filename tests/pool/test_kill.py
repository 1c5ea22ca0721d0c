"""Servers of a pool end under load: nothing is lost, nothing runs twice without a reason, all is answered once."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from tests.pool.trial import LONGEST, Trial
from tests.support.engines import EngineSet
from tests.support.pools import Pool, pool

HEARTBEAT = 1.0


@pytest.fixture(scope="module")
def members(engine: EngineSet) -> Iterator[Pool]:
    """A pool that gives a silent server up soon, with three servers when a test begins."""
    with pool(engine.url, 3, "--heartbeat", f"{HEARTBEAT:g}") as members:
        yield members


@pytest.mark.timeout(LONGEST)
def test_a_killed_server(members: Pool) -> None:
    trial = Trial(members)

    async def kill(round: int) -> None:
        victim = await trial.victim(round)
        await asyncio.to_thread(trial.note_fenced, victim)
        await asyncio.to_thread(victim.kill)
        trial.load.died(victim.port)
        await asyncio.sleep(trial.chance.uniform(0.0, 1.0))
        await asyncio.to_thread(members.again, victim)

    trial.run(kill)
    assert not trial.ledger.refused


@pytest.mark.timeout(LONGEST)
def test_a_server_that_stands_still_for_longer_than_the_heartbeat(members: Pool) -> None:
    trial = Trial(members)

    async def freeze(round: int) -> None:
        victim = await trial.victim(round)
        trial.ledger.frozen.add((victim.port, trial.load.lives[victim.port]))
        victim.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(HEARTBEAT * trial.chance.uniform(1.5, 2.5))
        victim.process.send_signal(signal.SIGCONT)

    trial.run(freeze)
