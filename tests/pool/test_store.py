"""The store in an engine: what is committed comes back, whatever it is and however much."""

from __future__ import annotations

import pytest

from geartrain.broker.batch import Batch, Document
from geartrain.broker.model import CONTENT, HIGH
from geartrain.errors import Fenced
from geartrain.pool.address import Address
from geartrain.pool.parcels import arguments_of
from geartrain.pool.store import ValkeyStore
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


@in_loop
async def test_documents_and_the_jobs_of_schedules_are_kept_in_one_step(address: Address) -> None:
    made = batch(*map(record, range(1, 5000)))
    made.owed.update(dict.fromkeys([4, 4321]))
    made.set("tick", "nightly", "{}")
    calls = arguments_of(made, range(6000, 9000), b"a", 1000)
    (first,) = [call for call in calls if b"tick\nnightly" in call]
    assert {4, 4321} <= set(first[16:])
    assert sum(len(call) for call in calls[:2]) > 3000  # what was refused before is removed first
    async with opened(address) as store:
        await kept(store, made)
        found = await everything(store)
        assert (len(found.jobs), len(found.documents)) == (4999, 1)


@in_loop
async def test_a_commit_that_asks_for_nothing_to_be_kept_needs_no_lease(address: Address) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1, b"workload")))
    other = ValkeyStore(address, 0, "nobody")
    wanted = Batch()
    wanted.wanted[1] = None
    assert (await kept(other, wanted)).workloads == {1: b"workload"}
    await other.close(0)


@in_loop
async def test_results_come_back_the_oldest_first(address: Address) -> None:
    made = Batch()
    made.results += [RESULT._replace(number=n, finished_at=float(n * 7 % 1000)) for n in range(1, 3000)]
    async with opened(address) as store:
        await kept(store, made)
        ends = [result.finished_at for result in (await everything(store)).results]
        assert ends == sorted(result.finished_at for result in made.results)


# What cannot be read


@in_loop
async def test_a_row_that_is_no_job_is_set_aside_and_said(address: Address) -> None:
    async with opened(address) as store:
        await kept(store, batch(*map(record, range(1, 6))))
        ask, jobs = store.engine.ask, store.keys.jobs
        row = await ask("HGET", jobs, 2)
        await ask("HSET", jobs, 2, row[:4] + b"\7" + row[5:])
        await ask("HSET", jobs, 3, b"row", 4, b"\0\0\0\1h")
        found = await everything(store)
        assert [job.number for job in found.jobs] == [1, 5]
        assert sorted(found.notices) == [
            "job 2 set aside, as it cannot be read: a head of version 7, 2 is expected",
            "job 3 set aside, as it cannot be read: a head of 0 bytes, at least 32 are expected",
            "job 4 set aside, as it cannot be read: a head of 1 bytes, at least 32 are expected",
        ]
        assert not (await everything(store)).notices
        about, _, aside = (await ask("HGET", store.keys.aside, 2)).partition(b"\n")
        assert aside == row[:4] + b"\7" + row[5:]
        assert b'"reason":"a head of version 7' in about


@in_loop
async def test_dead_letters_and_results_of_another_version_are_said(address: Address) -> None:
    async with opened(address) as store:
        await kept(store, batch(record(1), record(2)))
        ask = store.engine.ask
        await ask("HSET", store.keys.dead, 1, b'{"version":2}', 2, b'{"version":1}')
        await ask("HSET", store.keys.results, 3, b"[]\n", 4, b'{"version":1}\nresult')
        found = await everything(store)
        assert (len(found.jobs), found.dead, found.results) == (2, [], [])
        assert sorted(found.notices) == [
            "job 1 is queued again, as its dead letter cannot be read:"
            " b'{\"version\":2}': JSON of version 1 is expected",
            "job 2 is queued again, as its dead letter cannot be read: no dead letter: KeyError('reason')",
            "result 3 left out, as it cannot be read: b'[]': JSON of version 1 is expected",
            "result 4 left out, as it cannot be read: no result: KeyError('handle')",
        ]
