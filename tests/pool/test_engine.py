"""Engines that end, stand still or change, and stores that go on with whatever there is then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from functools import partial

import pytest

from geartrain.broker.broker import Broker
from geartrain.broker.durability import adopt, keep, take_batch
from geartrain.broker.model import NORMAL, Job
from geartrain.broker.rules import Rules
from geartrain.errors import EngineLost, StoreError
from geartrain.pool.address import Address, address_of
from geartrain.pool.engine import HOLD
from geartrain.pool.script import COMMIT
from geartrain.pool.store import ValkeyStore
from tests.pool.stores import opened
from tests.store.jobs import batch, everything, kept, record
from tests.support.engines import RELIABLE, EngineSet, Redis, cluster, replicated, sentinels, standalone
from tests.support.machine import wait_until

SOON = 0.3  # seconds that an engine is waited for where it will not come


def with_engine(start: Callable[[], AbstractContextManager[EngineSet]]) -> Callable[..., Callable[[], None]]:
    """A test that is a coroutine, with an engine of its own and its address."""

    def decorator(test: Callable[[EngineSet, Address], Awaitable[None]]) -> Callable[[], None]:
        def run() -> None:
            async def conversation(engine: EngineSet) -> None:
                await test(engine, address_of(engine.url))

            with start() as engine:
                asyncio.run(conversation(engine))

        run.__name__ = test.__name__
        run.__doc__ = test.__doc__
        return run

    return decorator


def numbers_in(node: Redis, store: ValkeyStore) -> list[int]:
    return sorted(map(int, node.ask("HKEYS", store.keys.jobs).split()))


# Another primary


@pytest.mark.parametrize("start", [sentinels, cluster])
def test_a_commit_under_way_when_the_primary_dies_is_kept_by_the_next_primary(
    start: Callable[[], AbstractContextManager[EngineSet]],
) -> None:
    @with_engine(start)
    async def conversation(engine: EngineSet, address: Address) -> None:
        async with opened(address, hold=20.0) as store:
            await kept(store, batch(record(1)))
            engine.primary.pause()
            commit = store.commit(batch(record(2), removed=(1,)))
            await asyncio.sleep(0.1)
            engine.nodes[0].kill()
            assert (await commit).error == ""
            await kept(store, batch(record(3)))
            assert [job.number for job in (await everything(store)).jobs] == [2, 3]

    conversation()


@with_engine(sentinels)
async def test_a_primary_that_stands_still_is_replaced_and_is_not_believed_when_it_wakes(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address, hold=20.0) as store:
        await kept(store, batch(record(1)))
        first = engine.nodes[0]
        first.pause()
        await kept(store, batch(record(2)))
        first.go_on()
        await kept(store, batch(record(3)))
        assert 3 not in numbers_in(first, store)
        assert [job.number for job in (await everything(store)).jobs] == [1, 2, 3]


@with_engine(partial(replicated, 2))
async def test_a_promoted_process_is_not_written_to_while_it_is_a_replica(
    engine: EngineSet, address: Address
) -> None:
    replica = address_of(f"valkey://{engine.nodes[1].place}")
    store = ValkeyStore(replica, 0, "a", hold=SOON)
    outcome = await store.commit(batch(record(1)))
    assert "it is no primary but a slave" in outcome.error
    await store.close(0)


# Waiting for replicas


@with_engine(replicated)
async def test_what_no_replica_has_is_refused_and_is_gone_with_the_next_batch(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1)))
        store.engine.hold = SOON
        engine.pause_replicas()
        refused = await store.commit(batch(record(2)))
        assert refused.error.startswith("the pool cannot keep jobs: no replica of 127.0.0.1:")
        assert not refused.partly
        assert numbers_in(engine.nodes[0], store) == [1, 2]
        engine.go_on()
        store.engine.hold = HOLD
        await kept(store, batch(record(3)))
        assert numbers_in(engine.nodes[0], store) == [1, 3]
        assert numbers_in(engine.nodes[1], store) == [1, 3]


@with_engine(replicated)
async def test_a_job_that_was_refused_and_submitted_again_is_kept(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address, hold=SOON) as store:
        engine.pause_replicas()
        assert (await store.commit(batch(record(2)))).error
        engine.go_on()
        store.engine.hold = HOLD
        await kept(store, batch(record(2)))
        assert numbers_in(engine.nodes[0], store) == [2]


@with_engine(replicated)
async def test_memory_waits_for_nobody(engine: EngineSet, address: Address) -> None:
    async with opened(address, ack="memory") as store:
        engine.pause_replicas()
        await kept(store, batch(record(1)))
        engine.go_on()


@with_engine(standalone)
async def test_an_engine_without_replicas_waits_for_nobody_unless_it_must(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1)))
    async with opened(address, ack="replica", hold=SOON) as store:
        assert "no replica" in (await store.commit(batch(record(2)))).error


@with_engine(standalone)
async def test_replicas_that_come_later_are_waited_for(engine: EngineSet, address: Address) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1)))
        with Redis(*RELIABLE, "--replicaof", f"127.0.0.1 {engine.nodes[0].port}") as replica:
            wait_until(replica.answers, "the replica runs")
            wait_until(lambda: "master_link_status:up" in replica.ask("INFO", "replication"), "it follows")
            wait_until(lambda: "state=online" in engine.nodes[0].ask("INFO", "replication"), "it is known")
            store.engine.look_at = 0.0
            await kept(store, batch(record(2)))
            replica.pause()
            store.engine.hold = SOON
            assert "no replica" in (await store.commit(batch(record(3)))).error


# Engines that are gone, or full


@with_engine(standalone)
async def test_an_engine_that_is_gone_fails_commits_until_it_is_back(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1)))
        store.engine.hold = SOON
        port = engine.kill_primary().port
        outcome = await store.commit(batch(record(2)))
        assert outcome.error.startswith(
            f"the pool cannot keep jobs: the engine at 127.0.0.1:{port} is lost: "
        )
        with engine.nodes[0].again() as back:
            back.wait_until_ready()
            store.engine.hold = HOLD
            await kept(store, batch(record(3)))
            assert numbers_in(back, store) == [1, 3]


@with_engine(standalone)
async def test_an_engine_that_forgot_the_scripts_is_told_them_again(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1)))
        engine.primary.ask("SCRIPT", "FLUSH")
        await kept(store, batch(*map(record, range(2, 3000))))
        assert len(numbers_in(engine.primary, store)) == 2999
        assert engine.primary.ask("SCRIPT", "EXISTS", COMMIT.sha) == "1"


@with_engine(standalone)
async def test_a_full_engine_refuses_jobs_and_lets_go_of_those_that_end(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1), record(2)))
        engine.primary.ask("CONFIG", "SET", "maxmemory", "100kb")
        outcome = await store.commit(batch(record(3), removed=(1,)))
        assert outcome.error == (
            "the pool cannot keep jobs: the engine has no memory left: its maxmemory is reached"
        )
        assert outcome.partly
        assert numbers_in(engine.primary, store) == [2]
        engine.primary.ask("CONFIG", "SET", "maxmemory", "0")
        await kept(store, batch(record(4)))
        assert numbers_in(engine.primary, store) == [2, 4]


@with_engine(standalone)
async def test_a_call_that_is_given_up_leaves_no_answer_for_the_next_one(
    engine: EngineSet, address: Address
) -> None:
    async with opened(address) as store:
        engine.nodes[0].pause()
        call = asyncio.ensure_future(store.engine.ask("ECHO", "first"))
        await asyncio.sleep(0.1)
        call.cancel()
        engine.nodes[0].go_on()
        assert await store.engine.ask("ECHO", "second") == b"second"


@with_engine(standalone)
async def test_a_load_during_which_the_primary_changes_fails(engine: EngineSet, address: Address) -> None:
    async with opened(address) as store:
        await kept(store, batch(*map(record, range(3000))))
        parts = store.load()
        await anext(parts)
        engine.kill_primary()
        with engine.nodes[0].again() as back:
            back.wait_until_ready()
            with pytest.raises(EngineLost, match="another primary"):
                async for _ in parts:
                    pass


def test_an_engine_that_was_never_there_is_named() -> None:
    async def conversation() -> None:
        store = ValkeyStore(address_of("valkey://127.0.0.1:1"), 0, "a", hold=SOON)
        with pytest.raises(StoreError, match=r"the engine at 127\.0\.0\.1:1 is lost"):
            await everything(store)

    asyncio.run(conversation())


# Bringing another primary in step


def submit(broker: Broker, workload: bytes) -> Job:
    job = broker.submit(b"f", b"", b"", workload, NORMAL, None, 0.0)
    assert job is not None
    return job


@with_engine(standalone)
async def test_a_primary_that_missed_the_last_moments_is_brought_in_step(
    engine: EngineSet, address: Address
) -> None:
    broker = Broker(Rules(b"H:test"), has_store=True)
    async with opened(address) as store:
        adopt(broker, await everything(store))
        store.follow(broker)
        for workload in (b"one", b"two", b"three", b"four"):
            submit(broker, workload)
        await commit(store, broker)
        jobs = [job async for part in store.load() for job in part.jobs]
        primary = engine.primary
        primary.ask("HDEL", store.keys.jobs, "2")
        primary.ask("HSET", store.keys.jobs, "99", "\0\0\0\0")
        primary.ask("HSET", store.keys.dead, "3", "what?")
        primary.ask("HSET", store.keys.documents, "policy\nf", "{}")
        store.primary = b"another process"
        submit(broker, b"five")
        await commit(store, broker)
        found = await everything(store)
        assert [job.workload for job in found.jobs] == [b"one", b"two", b"three", b"four", b"five"]
        assert list(found.jobs)[:4] == jobs
        assert (found.dead, found.documents) == ([], [])


async def commit(store: ValkeyStore, broker: Broker) -> None:
    made = take_batch(broker)
    await kept(store, made)
    keep(broker, made)
