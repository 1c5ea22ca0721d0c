"""A file of jobs that somebody removes, replaces, cuts or protects while a server uses it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from geartrain.broker.batch import Batch, Outcome
from geartrain.errors import StoreError
from geartrain.store.intake import Intake
from geartrain.store.watch import Watch
from tests.store.jobs import batch, everything, in_loop, kept, opened, record

REFUSAL = "the job store cannot keep jobs: "


def remove(path: Path) -> str:
    path.unlink()
    return f"{path} was removed"


def remove_log(path: Path) -> str:
    log = path.with_name("jobs.db-wal")
    log.unlink()
    return f"{log} was removed"


def replace(path: Path) -> str:
    Intake(str(path.with_name("copy.db"))).take([record(9)])
    path.with_name("copy.db").rename(path)
    return f"{path} was replaced by another file"


def cut(path: Path) -> str:
    size = path.stat().st_size
    os.truncate(path, 4096)
    return f"{path} was cut from {size} to 4096 bytes"


def cut_log(path: Path) -> str:
    log = path.with_name("jobs.db-wal")
    size = log.stat().st_size
    os.truncate(log, 100)
    return f"{log} was cut from {size} to 100 bytes"


def move_folder(path: Path) -> str:
    path.parent.rename(path.parent.with_name("elsewhere"))
    return f"{path} was removed"


@pytest.mark.parametrize("harm", [remove, remove_log, replace, cut, cut_log, move_folder])
def test_a_file_that_is_not_what_was_left_takes_nothing_and_says_why(
    harm: Callable[[Path], str], tmp_path: Path
) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path) as store:
            await everything(store)
            await kept(store, batch(record(1), record(2, b"two")))
            reason = harm(path)
            for made in (batch(record(3)), batch(removed=(1,)), Batch()):
                outcome = await store.commit(made)
                assert (outcome.error, outcome.partly) == (REFUSAL + reason, not len(made))

    (tmp_path / "home").mkdir()
    conversation(tmp_path / "home")


def overwrite(path: Path, start: int, size: int) -> None:
    """Write rubbish into a file, in place."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * size)


def overwrite_log(path: Path) -> None:
    log = path.with_name("jobs.db-wal")
    overwrite(log, 32, log.stat().st_size - 32)


def overwrite_pages(path: Path) -> None:
    overwrite(path, 4096, path.stat().st_size - 4096)


def overwrite_log_header(path: Path) -> None:
    overwrite(path.with_name("jobs.db-wal"), 0, 32)


def overwrite_header(path: Path) -> None:
    overwrite(path, 0, 100)


@pytest.mark.parametrize("harm", [overwrite_log, overwrite_pages])
def test_a_file_that_was_overwritten_in_place_takes_nothing_and_says_why(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path) as store:
            await kept(store, batch(*[record(number, b"w" * 500) for number in range(1, 100)]))
            harm(path)
            for made in (batch(record(100)), Batch(), batch(record(101))):
                outcome = await store.commit(made)
                assert outcome.error.startswith(f"{REFUSAL}{path} was damaged by another program: ")
            store.abandon()  # to close it would copy the damaged log into the file

    conversation(tmp_path)


@pytest.mark.parametrize("harm", [overwrite_log_header, overwrite_header, Path.touch])
def test_a_file_whose_content_is_whole_is_written_out_at_once_and_used_on(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        jobs = [record(number, b"w" * 500) for number in range(1, 100)]
        async with opened(path) as store:
            await kept(store, batch(*jobs))
            harm(path)
            assert await store.commit(Batch()) == Outcome("", True, {})
            await kept(store, batch(record(100)))
            store.abandon()
        async with opened(path) as store:
            assert (await everything(store)).jobs == [*jobs, record(100)]

    conversation(tmp_path)


@in_loop
async def test_a_file_system_that_changes_times_by_itself_refuses_no_job(path: Path) -> None:
    async with opened(path) as store:
        for number in range(1, 30):
            await kept(store, batch(record(number)))
            path.touch()


@in_loop
async def test_the_workloads_in_a_removed_file_are_still_read(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1, b"one"), record(2, b"two")))
        path.unlink()
        wanted = Batch()
        wanted.wanted.update(dict.fromkeys([1, 2]))
        assert (await store.commit(wanted)).workloads == {1: b"one", 2: b"two"}


@in_loop
async def test_a_file_that_comes_back_is_used_again(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1)))
        path.rename(path.with_name("elsewhere.db"))
        assert (await store.commit(batch(record(2)))).error
        path.with_name("elsewhere.db").rename(path)
        await kept(store, batch(record(3)))
        assert [job.number for job in (await everything(store)).jobs] == [1, 3]


@in_loop
async def test_another_process_makes_no_new_file_where_the_old_one_was_removed(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1)))
        path.unlink()
        store.process.kill()
        store.process.wait()
        with pytest.raises(StoreError, match="was removed"):
            await store.commit(batch(record(2)))
        assert not path.exists()


def test_a_file_that_must_not_be_written_to_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    for name in (path, path.with_name("jobs.db-wal")):
        name.write_bytes(b"")
        name.chmod(0o444)
    user = os.geteuid()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, 0o755)
    watch = Watch(str(path))
    try:
        if user == 0:
            os.seteuid(65534)
        assert watch.fault() == f"{path} must not be written to"
    finally:
        os.seteuid(user)
