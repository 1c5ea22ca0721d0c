"""The SQLite store: what was committed is there after a restart, in order and byte for byte, and nothing else is."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from geartrain.broker.batch import Batch, Document
from geartrain.broker.model import CONTENT, HIGH
from geartrain.errors import StoreError
from geartrain.store.schema import lock_path, owner_of, take_lock
from geartrain.store.sqlite import SQLiteStore
from tests.store.jobs import DEAD, ODD, RESULT, batch, everything, in_loop, kept, opened, record
from tests.support.machine import wait_until


@in_loop
async def test_all_of_a_job_outlives_the_store(path: Path) -> None:
    jobs = [record(1, b""), record(2, b"a\0b\0"), ODD, record(4, priority=HIGH)]
    async with opened(path) as store:
        await kept(store, batch(*jobs))
    async with opened(path) as store:
        assert (await everything(store)).jobs == jobs


@in_loop
async def test_jobs_come_back_in_the_order_of_their_numbers_whatever_the_batches(path: Path) -> None:
    async with opened(path) as store:
        for numbers in ((5, 9), (2,), (700, 1, 8)):
            await kept(store, batch(*map(record, numbers)))
    async with opened(path) as store:
        assert [job.number for job in (await everything(store)).jobs] == [1, 2, 5, 8, 9, 700]


@in_loop
async def test_batches_of_any_size_are_kept_and_removed(path: Path) -> None:
    numbers = range(1, 1200)
    async with opened(path) as store:
        await kept(store, batch(*map(record, numbers)))
        await kept(store, batch(removed=tuple(n for n in numbers if n % 7)))
    async with opened(path) as store:
        assert [job.number for job in (await everything(store)).jobs] == list(range(7, 1200, 7))


@in_loop
async def test_a_changed_job_keeps_its_workload(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1, b"workload")))
        change = Batch()
        change.changes.append(record(1, b"workload", attempts=2, run_at=1.9e9)._replace(workload=None))
        await kept(store, change)
    async with opened(path) as store:
        assert (await everything(store)).jobs == [record(1, b"workload", attempts=2, run_at=1.9e9)]


@in_loop
async def test_dead_letters_results_and_documents_outlive_the_store_until_they_are_forgotten(
    path: Path,
) -> None:
    policy, schedule = Document("policy", "thumb*", '{"paused":true}'), Document("schedule", "nightly", "{}")
    async with opened(path) as store:
        made = batch(ODD)
        made.buried[3] = DEAD
        made.results.append(RESULT)
        for document in (policy, schedule):
            made.set(*document)
        await kept(store, made)
    async with opened(path) as store:
        found = await everything(store)
        assert (found.jobs, found.dead, found.results) == ([ODD], [DEAD], [RESULT])
        assert sorted(found.documents) == [policy, schedule]
        made = Batch()
        made.exhumed[3] = None
        made.forget_result(4)
        made.set("policy", "thumb*", "")
        await kept(store, made)
    async with opened(path) as store:
        found = await everything(store)
        assert (found.jobs, found.dead, found.results, found.documents) == ([ODD], [], [], [schedule])


@in_loop
async def test_numbers_are_not_given_again_even_when_no_job_is_left(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(41)))
        await kept(store, batch(removed=(41,)))
    async with opened(path) as store:
        assert (await everything(store)).last_number == 41
        await store.close(77)
    async with opened(path) as store:
        assert (await everything(store)).last_number == 77


@in_loop
async def test_workloads_that_memory_has_no_room_for_stay_in_the_store_until_they_are_wanted(
    path: Path,
) -> None:
    jobs = [record(1, b"12345"), record(2, b"67"), record(3, b"key", unique=CONTENT)]
    async with opened(path) as store:
        await kept(store, batch(*jobs))
    async with opened(path, memory=5) as store:
        found = (await everything(store)).jobs
        assert [(job.workload, job.size) for job in found] == [(b"12345", 5), (None, 2), (b"key", 3)]
        wanted = Batch()
        wanted.wanted.update(dict.fromkeys([2, 99]))
        assert (await kept(store, wanted)).workloads == {2: b"67", 99: None}


@pytest.mark.parametrize("durability", ["full", "fast"])
def test_what_is_kept_survives_the_end_of_the_process_that_writes(durability: str, tmp_path: Path) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path, durability) as store:
            await kept(store, batch(record(1)))
            store.process.send_signal(signal.SIGKILL)
            store.process.wait()
            await kept(store, batch(record(2)))
            assert [job.number for job in (await everything(store)).jobs] == [1, 2]

    conversation(tmp_path)


@in_loop
async def test_a_commit_during_which_the_process_dies_is_done_by_the_next_process(path: Path) -> None:
    async with opened(path) as store:
        store.process.send_signal(signal.SIGSTOP)
        commit = asyncio.ensure_future(store.commit(batch(record(1))))
        await asyncio.sleep(0)
        store.process.send_signal(signal.SIGKILL)
        assert not (await commit).error
        assert [job.number for job in (await everything(store)).jobs] == [1]


@in_loop
async def test_signals_for_the_server_do_not_end_its_process_that_writes(path: Path) -> None:
    async with opened(path) as store:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            store.process.send_signal(number)
        await kept(store, batch(record(1)))


# Rows that are no jobs


@in_loop
async def test_a_row_that_is_no_job_is_set_aside_and_said(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(*map(record, range(1, 8))))
    with sqlite3.connect(path) as file:
        file.execute("UPDATE job SET head = x'01' WHERE number = 2")
        file.execute("UPDATE job SET head = x'07' || substr(head, 2) WHERE number = 3")
        file.execute("UPDATE job SET head = substr(head, 1, 1) || x'09' || substr(head, 3) WHERE number = 4")
        file.execute("UPDATE job SET head = substr(head, 1, 36) WHERE number = 5")
        file.execute("UPDATE job SET head = 'text' WHERE number = 6")
    file.close()
    async with opened(path) as store:
        found = await everything(store)
        assert [job.number for job in found.jobs] == [1, 7]
        assert len(found.notices) == 5
        assert (
            found.notices[0]
            == "job 2 set aside, as it cannot be read: a head of 1 bytes, at least 32 are expected"
        )
    async with opened(path) as store:
        assert not (await everything(store)).notices
    file = sqlite3.connect(path)
    assert file.execute("SELECT number, workload FROM set_aside ORDER BY number").fetchall() == [
        (number, b"a") for number in range(2, 7)
    ]
    file.close()


# Files that cannot be used


def refusal(path: Path) -> str:
    with pytest.raises(StoreError) as refused:
        SQLiteStore(str(path))
    return str(refused.value)


def test_a_file_that_another_server_uses_is_refused(tmp_path: Path) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path):
            assert refusal(path) == f"{path} is in use by another server, process {os.getpid()}"

    conversation(tmp_path)


def other_name(path: Path, kind: str) -> Path:
    """Another name of a file, or the same one without the file that says who uses it."""
    other = path.with_name("other.db")
    if kind == "symlink":
        other.symlink_to(path)
    elif kind == "hard link":
        other.hardlink_to(path)
    elif kind == "folder":
        path.parent.with_name("folder").symlink_to(path.parent)
        return path.parent.with_name("folder") / path.name
    else:
        Path(lock_path(str(path))).unlink()
        return path
    return other


@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder", "lock removed"])
def test_a_file_in_use_is_refused_under_any_name(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geartrain.store.schema.LOCK_PATIENCE", 0.1)

    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path) as store:
            await kept(store, batch(record(1)))
            other = other_name(path, kind)
            with pytest.raises(StoreError, match="is in use by another server"):
                take_lock(str(other), 1)
            assert owner_of(str(other)) != 0
            await kept(store, batch(record(2)))
        assert owner_of(str(other)) == 0
        async with opened(path) as store:
            assert [job.number for job in (await everything(store)).jobs] == [1, 2]

    (tmp_path / "home").mkdir()
    conversation(tmp_path / "home")


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "jobs.db")
    assert refusal(tmp_path / "jobs.db") == (
        f"cannot use {tmp_path}/jobs.db: {tmp_path}/jobs.db: it is no plain file"
    )


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    path.write_bytes(b"something else entirely" * 100)
    assert refusal(path) == f"cannot use {path}: file is not a database"
    assert path.read_bytes() == b"something else entirely" * 100


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    file = sqlite3.connect(path)
    file.execute("CREATE TABLE gearman_queue (unique_key TEXT)")
    file.close()
    before = path.read_bytes()
    assert (
        refusal(path)
        == f"{path} is the SQLite file of another program, a file of Geartrain's jobs is expected"
    )
    assert path.read_bytes() == before


@in_loop
async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    async with opened(path):
        pass
    file = sqlite3.connect(path)
    file.execute("PRAGMA user_version = 3")
    file.close()
    assert refusal(path) == (
        f"{path} is of a newer Geartrain: its form is version 3, this one knows versions up to 2"
    )


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert refusal(tmp_path / "file" / "jobs.db").startswith(f"cannot use {tmp_path}/file/jobs.db: ")


@in_loop
async def test_a_lock_ends_with_its_process(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1)))
        store.process.send_signal(signal.SIGKILL)
        wait_until(lambda: store.process.poll() is not None, "the process has ended")
        other = SQLiteStore(str(path))
        await other.close(0)
