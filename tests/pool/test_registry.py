"""What the servers of a pool know of each other."""

from __future__ import annotations

import asyncio

import pytest

from geartrain.errors import SettingsError
from geartrain.pool.address import Address, address_of
from geartrain.pool.registry import Lease
from tests.pool.stores import in_loop, registry_of
from tests.support.engines import cluster


@in_loop
async def test_all_servers_of_a_pool_have_the_same_secret(address: Address) -> None:
    async with registry_of(address) as one, registry_of(address) as two:
        assert await one.secrets() == []
        for registry in (one, two, one):
            await registry.join()
        (secret,) = await one.secrets()
        assert await two.secrets() == [secret]
        assert len(secret) == 32


@in_loop
async def test_a_secret_is_rotated_and_the_one_before_is_accepted_for_a_while(address: Address) -> None:
    async with registry_of(address) as registry:
        assert not await registry.rotate_secret(60)
        await registry.join()
        (first,) = await registry.secrets()
        assert await registry.rotate_secret(60)
        second, before = await registry.secrets()
        assert before == first
        assert await registry.rotate_secret(0)
        (third,) = await registry.secrets()
        assert len({first, second, third}) == 3
        await registry.join()
        assert await registry.secrets() == [third]


@in_loop
async def test_the_number_of_shards_is_fixed_by_the_first_server(address: Address) -> None:
    async with registry_of(address) as registry:
        await registry.join()
    async with registry_of(address._replace(shards=4)) as other:
        with pytest.raises(SettingsError, match="has 1 shards for good: shards=1 is expected, not 4"):
            await other.join()


@in_loop
async def test_a_pool_of_a_newer_form_is_refused(address: Address) -> None:
    async with registry_of(address) as registry:
        await registry.engine.ask("HSET", registry.keys.facts, "form", 2)
        with pytest.raises(SettingsError, match="newer Geartrain: its form is version 2"):
            await registry.join()


@in_loop
async def test_servers_hear_of_each_other_until_they_leave(address: Address) -> None:
    async with registry_of(address) as registry:
        assert await registry.beat("one", "first") == [("one", "first", 0.0)]
        await registry.beat("two", "second")
        members = await registry.beat("one", "first again")
        assert [(member.server, member.text) for member in members] == [
            ("one", "first again"),
            ("two", "second"),
        ]
        assert all(member.age < 60 for member in members)
        await registry.leave("one")
        assert [member.server for member in await registry.members()] == ["two"]


@in_loop
async def test_the_age_of_a_silent_server_grows(address: Address) -> None:
    async with registry_of(address) as registry:
        await registry.beat("one", "")
        await asyncio.sleep(0.05)
        (member,) = await registry.members()
        assert member.age >= 0.05


@in_loop
async def test_one_server_at_a_time_leads_a_shard(address: Address) -> None:
    async with registry_of(address) as registry:
        assert await registry.leases() == [None]
        taken = await registry.lead(0, "a", "of one", 60.0)
        assert taken[:2] == Lease("a", "of one", 60.0)[:2]
        assert 0.0 < taken.seconds <= 60.0
        assert (await registry.lead(0, "b", "of two", 60.0)).token == "a"
        assert (await registry.lead(0, "b", "of two", 60.0, instead_of="a")).token == "b"
        (held,) = await registry.leases()
        assert held is not None
        assert (held.token, held.text) == ("b", "of two")


@in_loop
async def test_a_lease_lasts_until_it_is_given_up_or_runs_out(address: Address) -> None:
    async with registry_of(address) as registry:
        await registry.lead(0, "a", "", 60.0)
        await registry.release(0, "b")
        assert await registry.leases() != [None]
        await registry.release(0, "a")
        assert await registry.leases() == [None]
        await registry.lead(0, "a", "", 0.05)
        await asyncio.sleep(0.1)
        assert await registry.leases() == [None]


@in_loop
async def test_a_lease_is_kept_unless_another_has_led_meanwhile(address: Address) -> None:
    async with registry_of(address) as registry:
        assert await registry.renew(0, "a", 60.0) is None
        await registry.lead(0, "a", "", 0.05)
        await asyncio.sleep(0.1)
        kept = await registry.renew(0, "a", 60.0)
        assert kept is not None
        assert kept.token == "a"
        await registry.lead(0, "b", "", 0.05, instead_of="a")
        await asyncio.sleep(0.1)
        assert await registry.renew(0, "a", 60.0) is None


@in_loop
async def test_a_lease_that_the_engine_has_lost_is_taken_again_by_who_gave_more_numbers_than_it_knows(
    address: Address,
) -> None:
    async with registry_of(address) as registry:
        assert await registry.renew(0, "a", 60.0, "{}", 7) == Lease("a", "{}", 60.0, True)
        assert await registry.renew(0, "a", 60.0, "{}", 7) == Lease("a", "{}", 60.0, False)
        await registry.release(0, "a")
        await registry.engine.ask("SET", registry.shards[0].number, 7)
        assert await registry.renew(0, "a", 60.0, "{}", 7) is None
        assert await registry.renew(0, "a", 60.0, "{}", 8) == Lease("a", "{}", 60.0, True)


@in_loop
async def test_a_lease_of_another_is_not_taken_whatever_the_engine_has_lost(address: Address) -> None:
    async with registry_of(address) as registry:
        await registry.lead(0, "b", "{}", 60.0)
        kept = await registry.renew(0, "a", 60.0, "{}", 7)
        assert kept is not None
        assert (kept.token, kept.lost) == ("b", False)


@in_loop
async def test_a_pool_that_the_engine_has_lost_is_made_again_with_the_secret_that_is_known(
    address: Address,
) -> None:
    async with registry_of(address) as registry:
        await registry.join("known")
        await registry.engine.ask("FLUSHALL")
        await registry.join("known")
        await registry.join("another")
        assert await registry.secrets() == [b"known"]


def test_each_shard_of_a_cluster_has_its_lease_beside_its_jobs() -> None:
    async def conversation(address: Address) -> None:
        async with registry_of(address) as registry:
            await registry.join()
            for shard in range(address.shards):
                await registry.lead(shard, f"token-{shard}", "", 60.0)
            tokens = [lease.token for lease in await registry.leases() if lease is not None]
            assert tokens == [f"token-{shard}" for shard in range(address.shards)]
            places = {engine.node.place for engine in registry.engines if engine.node is not None}
            assert len(places) == 3

    with cluster() as engine:
        asyncio.run(conversation(address_of(engine.url)))
