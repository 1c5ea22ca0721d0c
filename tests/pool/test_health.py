"""What is said of an engine, and which one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from geartrain.errors import StoreError
from geartrain.pool.address import Address, address_of
from geartrain.pool.card import Card
from geartrain.pool.health import HOLD, check, examine, examine_process
from geartrain.store.health import OK, PROBLEM, WARNING, Finding
from tests.pool.stores import in_loop, opened, registry_of
from tests.store.jobs import DEAD, ODD, RESULT, batch, kept, record
from tests.support.engines import replicated, standalone

SAID = {
    "redis_version": "7.0.15",
    "used_memory": "1048576",
    "maxmemory": "0",
    "maxmemory_policy": "noeviction",
    "aof_enabled": "1",
    "appendfsync": "everysec",
    "save": "",
    "connected_slaves": "1",
}


async def findings(address: Address, ack: str = "auto") -> dict[str, Finding]:
    """What is found, by the subject without the place."""
    return {found.subject.partition(" 127")[0]: found async for found in examine(address, ack)}


def test_an_engine_with_a_replica_is_in_order() -> None:
    with replicated() as engine:
        address = address_of(engine.url)
        found = asyncio.run(findings(address))
        assert [finding for finding in found.values() if finding.mark != OK] == []
        assert found["engine"].text == "redis 7.0.15"
        assert found["replicas"].text == "1 connected"
        assert asyncio.run(check(address, "replica", HOLD)) == []


@in_loop
async def test_an_engine_without_replicas_is_doubtful(address: Address) -> None:
    (doubt,) = await check(address, "auto", HOLD)
    assert "replicas 127.0.0.1:" in doubt


@in_loop
async def test_ack_disk_is_refused_where_the_engine_cannot_wait_for_disks(address: Address) -> None:
    with pytest.raises(StoreError, match=r"redis 7\.0\.15: ack=disk needs Valkey, or Redis 7\.2"):
        await check(address, "disk", HOLD)


def test_an_engine_that_keeps_nothing_is_refused() -> None:
    with (
        standalone("--appendonly", "no", "--save", "") as engine,
        pytest.raises(StoreError, match="all jobs are gone when the process ends: set appendonly yes"),
    ):
        asyncio.run(check(address_of(engine.url), "auto", HOLD))


def test_an_engine_that_throws_away_jobs_is_refused() -> None:
    options = ("--appendonly", "yes", "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with (
        standalone(*options) as engine,
        pytest.raises(StoreError, match="allkeys-lru: set maxmemory-policy noeviction"),
    ):
        asyncio.run(check(address_of(engine.url), "auto", HOLD))


def test_an_engine_that_does_not_answer_is_a_problem() -> None:
    found = asyncio.run(findings(address_of("valkey://127.0.0.1:1")))
    assert found["engine"].mark == PROBLEM
    with pytest.raises(StoreError, match=r"the engine at 127\.0\.0\.1:1 is lost"):
        asyncio.run(check(address_of("valkey://127.0.0.1:1"), "auto", HOLD))


def test_a_primary_that_is_being_replaced_is_waited_for() -> None:
    with replicated() as engine:
        replica = engine.nodes[1]

        async def promote_soon() -> list[str]:
            checking = asyncio.create_task(check(address_of(f"valkey://{replica.place}"), "memory", 5.0))
            await asyncio.sleep(0.1)
            replica.ask("REPLICAOF", "NO", "ONE")
            return await checking

        (doubt,) = asyncio.run(promote_soon())
        assert "replicas" in doubt


@pytest.mark.parametrize(
    ("changed", "ack", "mark", "advice"),
    [
        ({"redis_version": "6.2.1"}, "auto", PROBLEM, "Redis 7.0 or later"),
        ({"valkey_version": "8.0.1", "appendfsync": "always"}, "disk", OK, ""),
        ({"valkey_version": "8.0.1"}, "disk", PROBLEM, "appendfsync always"),
        ({"maxmemory": "1048577"}, "auto", WARNING, "make room"),
        ({"maxmemory_policy": "allkeys-lru"}, "auto", WARNING, "noeviction"),
        ({"appendfsync": None}, "auto", WARNING, "CONFIG GET"),
        ({"aof_enabled": "0", "save": None}, "auto", WARNING, "CONFIG GET"),
        ({"aof_enabled": "0", "save": "3600 1"}, "auto", WARNING, "appendonly yes"),
        ({"aof_enabled": "0"}, "auto", PROBLEM, "appendonly yes"),
        ({"connected_slaves": "0"}, "replica", WARNING, "refuses background jobs"),
    ],
)
def test_what_is_wrong_says_what_to_do(
    changed: Mapping[str, str | None], ack: str, mark: str, advice: str
) -> None:
    said = {name: value for name, value in {**SAID, **changed}.items() if value is not None}
    wrong = [found for found in examine_process(said, ack) if found.mark != OK]
    assert [found.mark for found in wrong] == ([] if mark == OK else [mark])
    assert all(advice in found.advice for found in wrong)


# The pool in it


@in_loop
async def test_a_namespace_that_nobody_has_used_is_no_problem(address: Address) -> None:
    assert (await findings(address))["pool"].text.startswith("no server has used the namespace pool-")


@in_loop
async def test_a_pool_is_told_of_with_its_jobs_and_its_leader(address: Address) -> None:
    async with opened(address) as store, registry_of(address) as registry:
        await registry.join()
        await registry.beat("one", "")
        await registry.lead(0, "b", Card("a", "10.0.0.1", 4730, "1").text(), 60.0, instead_of="a")
        store.token = b"b"
        made = batch(ODD, record(1))
        made.buried[3] = DEAD
        made.results.append(RESULT)
        await kept(store, made)
        await store.engine.ask("HSET", store.keys.aside, "9", "row")
        found = await findings(address)
        assert found["servers"].text == "1 alive, 0 silent"
        assert found["shard 0"] == Finding(
            OK,
            "shard 0",
            "led by 10.0.0.1:4730, jobs: 1, dead letters: 1, results: 1, policies and schedules: 0",
        )
        assert found["set aside in shard 0"].mark == WARNING
        await registry.release(0, "b")
        assert (await findings(address))["shard 0"].mark == PROBLEM
        assert (await findings(address._replace(shards=2)))["pool"].advice == "say shards=1"
