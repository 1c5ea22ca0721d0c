"""Servers of a pool in use are killed, frozen and stopped: nothing is lost, nothing runs twice without a reason."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Iterator

import pytest

from geartrain.protocol.commands import CAN_DO, SUBMIT_JOB, WORK_COMPLETE
from tests.pool.peers import all_heard, gets
from tests.pool.trial import LONGEST, ROUNDS, Trial
from tests.server.links import Link, held
from tests.support.engines import EngineSet
from tests.support.machine import wait_until
from tests.support.pools import Pool, fenced, pool
from tests.support.processes import Program, ServerProgram

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
        await trial.kill(victim)
        await asyncio.sleep(trial.chance.uniform(0.0, 1.0))
        await asyncio.to_thread(members.again, victim)

    trial.run(kill)
    assert not trial.ledger.refused


@pytest.mark.timeout(LONGEST)
@pytest.mark.parametrize("shards", [1, 6, 12])
def test_servers_that_are_killed_at_any_moment_also_while_they_start(engine: EngineSet, shards: int) -> None:
    """The heartbeat is so long that what waits for it makes submits fail."""
    with pool(f"{engine.url}?namespace=restarts-{shards}&shards={shards}", 3, "--heartbeat", "60") as members:
        trial = Trial(members)

        async def restart(round: int) -> None:
            for victim in trial.chance.sample(members.servers, trial.chance.choice((1, 1, 2))):
                await trial.kill(victim)
                for _ in range(trial.chance.choice((0, 0, 1, 2))):
                    await asyncio.to_thread(start_and_kill, victim, trial.chance.uniform(0.0, 0.8))
                    trial.load.died(victim.port)  # peers may have reached it
                await asyncio.to_thread(members.again, victim)

        trial.run(restart, ROUNDS)
        assert not trial.ledger.refused


def start_and_kill(ended: ServerProgram, after: float) -> None:
    """Start a server in the place of one that has ended, and kill it some seconds later."""
    with Program(*ended.command) as program:
        time.sleep(after)
        program.kill()


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


@pytest.mark.timeout(LONGEST)
def test_servers_that_are_restarted_one_after_the_other(members: Pool) -> None:
    trial = Trial(members)

    async def restart_all(round: int) -> None:
        victims = [await trial.victim(0), *await asyncio.to_thread(members.followers)]
        for victim in victims:
            await trial.stop(victim)
            await asyncio.to_thread(members.again, victim)

    trial.run(restart_all, ROUNDS // 2)
    assert not trial.ledger.refused
    assert not trial.ledger.cut
    assert not [run for run in trial.ledger.executed if run.lost]


def test_the_late_result_of_a_server_that_stood_still_is_refused_and_counted(members: Pool) -> None:
    leader, (frozen, other) = members.leader(), members.followers()
    with Link(leader.connect()) as client, Link(frozen.connect()) as first, Link(other.connect()) as second:
        for worker in (first, second):
            worker.says(CAN_DO, b"late")
        handle = client.submits(SUBMIT_JOB, b"late")
        assert gets(first)[0] == handle
        before = fenced(frozen)
        with held(frozen):
            first.says(WORK_COMPLETE, handle, b"from the first")
            assert gets(second)[0] == handle
            second.says(WORK_COMPLETE, handle, b"from the second")
            assert client.hears() == (WORK_COMPLETE, handle, b"from the second")
        wait_until(lambda: fenced(frozen) == before + 1, "the late result is counted")
        assert all_heard(client) == []


def test_each_tick_of_a_schedule_is_done_once_whoever_leads(members: Pool) -> None:
    leader, (follower, _) = members.leader(), members.followers()
    schedule = '{"function":"beat","every":1,"catch_up":"all"}'
    assert follower.ask(f"schedule-add beat {schedule}").endswith(".\n")
    wait_until(lambda: len(ticks(follower)) > 0, "the first tick is done")
    leader.kill()
    before = len(ticks(follower))
    wait_until(lambda: len(ticks(follower)) >= before + 2, "the next leader goes on")
    done = ticks(follower)
    assert done == list(range(done[0], done[0] + len(done)))
    assert follower.ask("schedule-remove beat").endswith(".\n")
    members.again(leader)


def ticks(server: ServerProgram) -> list[int]:
    """The times of the ticks whose jobs a server knows."""
    rows = [json.loads(row) for row in server.ask("jobs beat").splitlines() if row.startswith("{")]
    return sorted(int(row["unique"].partition("@")[2]) for row in rows)
