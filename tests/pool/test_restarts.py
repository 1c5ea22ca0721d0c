"""Servers that are killed and come back at once, long before their heartbeat is over: every shard goes on.

The heartbeat is a minute here. So whatever waits for it makes submits fail, which wait for five seconds.
"""

from __future__ import annotations

import asyncio

from geartrain.pool.address import Address
from geartrain.protocol.commands import CAN_DO, JOB_CREATED, SUBMIT_JOB_BG
from tests.pool.peers import gets
from tests.pool.trial import Trial
from tests.server.links import Link
from tests.support.engines import EngineSet
from tests.support.machine import wait_until
from tests.support.pools import Pool, about, pool
from tests.support.processes import ServerProgram

PATIENT = ("--heartbeat", "60")
FENCED = "another server's"  # what the log says where a leader is refused by the engine


def url_of(engine: EngineSet, address: Address, shards: int) -> str:
    return f"{engine.url}?namespace={address.namespace}&shards={shards}"


def kill_and_start_again(members: Pool, *victims: ServerProgram) -> None:
    """End servers without a word, and have them back at once."""
    for victim in victims:
        victim.kill()
    for victim in victims:
        members.again(victim)


def test_a_pool_that_starts_shares_its_shards_without_fencing_anybody(
    engine: EngineSet, address: Address
) -> None:
    with pool(url_of(engine, address, 6), 3, "--heartbeat", "2") as members:
        wait_until(lambda: sorted(map(shards_led_by, members.servers)) == [2, 2, 2], "each leads two")
        assert all(FENCED not in server.output() for server in members.servers)


def shards_led_by(server: ServerProgram) -> int:
    """How many shards a server leads."""
    return sum(row["here"] for row in about(server) if "shard" in row)


def test_servers_that_are_killed_and_come_back_at_once(engine: EngineSet, address: Address) -> None:
    with pool(url_of(engine, address, 6), 3, *PATIENT) as members:
        trial = Trial(members)

        async def restart(round: int) -> None:
            leader, follower = await trial.victim(0), await trial.victim(1)
            victims = ([leader], [follower], [leader, follower])[round]
            for victim in victims:
                await trial.kill(victim)
            for victim in victims:
                await asyncio.to_thread(members.again, victim)

        trial.run(restart, 3)
        assert not trial.ledger.refused
        assert all(FENCED not in server.output() for server in members.servers)


def test_a_server_that_was_killed_alone_leads_again_at_once(engine: EngineSet, address: Address) -> None:
    with pool(url_of(engine, address, 6), 1, *PATIENT) as members:
        with Link(members.servers[0].connect()) as client:
            first = client.submits(SUBMIT_JOB_BG, b"f")
        kill_and_start_again(members, *members.servers)
        with Link(members.servers[0].connect()) as worker:
            assert worker.asks(SUBMIT_JOB_BG, b"f", b"", b"")[0] == JOB_CREATED
            worker.says(CAN_DO, b"f")
            assert gets(worker)[0] == first


def test_all_servers_that_were_killed_lead_again_at_once(engine: EngineSet, address: Address) -> None:
    with pool(url_of(engine, address, 12), 3, *PATIENT) as members:
        kill_and_start_again(members, *members.servers)
        with Link(members.servers[1].connect()) as client:
            for number in range(40):  # of functions, so that every shard has some
                assert client.asks(SUBMIT_JOB_BG, b"f%d" % number, b"", b"")[0] == JOB_CREATED
