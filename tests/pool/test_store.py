"""The store in an engine: what is committed comes back, whatever it is and however much."""

from __future__ import annotations

import pytest

from geartrain.broker.batch import Batch, Document
from geartrain.broker.model import CONTENT, HIGH
from geartrain.errors import Fenced
from geartrain.pool.address import Address
from tests.pool.stores import in_loop, opened
from tests.store.jobs import DEAD, ODD, RESULT, batch, everything, kept, record


@in_loop
async def test_all_of_a_job_outlives_the_server(address: Address) -> None:
    jobs = [record(1, b""), record(2, b"a\0b\0"), ODD, record(4, priority=HIGH)]
    async with opened(address) as store:
        await kept(store, batch(*jobs))
    async with opened(address) as store:
        assert (await everything(store)).jobs == jobs


@in_loop
async def test_jobs_come_back_in_the_order_of_their_numbers_whatever_the_batches(address: Address) -> None:
    numbers = [*range(40_000, 20_000, -1), *range(1, 20_000, 2)]
    async with opened(address) as store:
        for start in range(0, len(numbers), 7_000):
            await kept(store, batch(*map(record, numbers[start : start + 7_000])))
    async with opened(address) as store:
        assert [job.number for job in (await everything(store)).jobs] == sorted(numbers)


@in_loop
async def test_batches_of_any_size_are_kept_and_removed(address: Address) -> None:
    numbers = range(1, 12_000)
    async with opened(address) as store:
        await kept(store, batch(*map(record, numbers)))
        await kept(store, batch(removed=tuple(n for n in numbers if n % 7)))
    async with opened(address) as store:
        assert [job.number for job in (await everything(store)).jobs] == list(range(7, 12_000, 7))


@in_loop
async def test_a_changed_job_keeps_its_workload(address: Address) -> None:
    change = Batch()
    change.changes.append(record(1, b"workload", attempts=2, run_at=1.9e9)._replace(workload=None))
    async with opened(address) as store:
        await kept(store, batch(record(1, b"workload")))
        await kept(store, change)
    async with opened(address) as store:
        assert (await everything(store)).jobs == [record(1, b"workload", attempts=2, run_at=1.9e9)]


@in_loop
async def test_dead_letters_results_and_documents_outlive_the_server_until_they_are_forgotten(
    address: Address,
) -> None:
    policy, schedule = Document("policy", "thumb*", '{"paused":true}'), Document("schedule", "nightly", "{}")
    async with opened(address) as store:
        made = batch(ODD)
        made.buried[3] = DEAD
        made.results.append(RESULT)
        for document in (policy, schedule):
            made.set(*document)
        await kept(store, made)
    async with opened(address) as store:
        found = await everything(store)
        assert (found.jobs, found.dead, found.results) == ([ODD], [DEAD], [RESULT])
        assert sorted(found.documents) == [policy, schedule]
        made = Batch()
        made.exhumed[3] = None
        made.forget_result(4)
        made.set("policy", "thumb*", "")
        await kept(store, made)
    async with opened(address) as store:
        found = await everything(store)
        assert (found.jobs, found.dead, found.results, found.documents) == ([ODD], [], [], [schedule])


@in_loop
async def test_numbers_are_not_given_again_even_when_no_job_is_left(address: Address) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(41)))
        await kept(store, batch(removed=(41,)))
        assert (await everything(store)).last_number == 41
        await store.close(77)
    async with opened(address) as store:
        assert (await everything(store)).last_number == 77


@in_loop
async def test_workloads_that_memory_has_no_room_for_stay_in_the_engine_until_they_are_wanted(
    address: Address,
) -> None:
    jobs = [record(1, b"12345"), record(2, b"6789012"), record(3, b"longerkey", unique=CONTENT)]
    async with opened(address) as store:
        await kept(store, batch(*jobs))
    async with opened(address, memory=6) as store:
        found = (await everything(store)).jobs
        assert [(job.workload, job.size) for job in found] == [(b"12345", 5), (None, 7), (b"longerkey", 9)]
        wanted = Batch()
        wanted.wanted.update(dict.fromkeys([2, 99]))
        assert (await kept(store, wanted)).workloads == {2: b"6789012", 99: None}


@in_loop
async def test_a_leader_whose_lease_was_taken_keeps_nothing_more(address: Address) -> None:
    async with opened(address, "old") as old, opened(address, "new") as new:
        with pytest.raises(Fenced):
            await old.commit(batch(record(1)))
        await kept(new, batch(record(2)))
        assert [job.number for job in (await everything(new)).jobs] == [2]
