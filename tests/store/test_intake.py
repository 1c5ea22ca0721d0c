"""Jobs from elsewhere, taken into a file that no server uses."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.broker.batch import DeadRecord, Document, JobRecord, Kept, ResultRecord
from geartrain.errors import StoreError
from geartrain.store.dump import items
from geartrain.store.intake import Intake, Taken
from geartrain.store.portable import DeadJob, Item
from geartrain.store.snapshot import snapshot
from tests.store.jobs import everything, opened, record

HERE = f"H:{socket.gethostname()}:".encode()

DEAD = DeadJob(record(3, b"dead"), DeadRecord(3, "fail", b"w", b"\xff", 1.9e9))
RESULT = ResultRecord(7, b"H:test:7", b"f", b"u", "complete", b"r", 1.0, 2.0, 3.0, 4e9, 1, b"w")
POLICY = Document("policy", "f\udcff", '{"attempts": 3}')


def take(path: Path, *given: Item) -> Taken:
    return Intake(str(path)).take(given)


def dumped(path: Path) -> list[Item]:
    with snapshot(str(path)) as connection:
        return list(items(connection, True, []))


def loaded(path: Path) -> Kept:
    """What a server has of the file when it starts."""

    async def load() -> Kept:
        async with opened(path) as store:
            return await everything(store)

    return asyncio.run(load())


def test_everything_is_kept_as_it_was_and_the_numbering_goes_on_after_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "jobs.db"
    job = record(
        5, b"\0\xff", unique=b"u\xff", priority=2, run_at=4e9, attempts=2, metadata=b"{}", reducer=b"r"
    )
    assert take(path, POLICY, job, DEAD, RESULT) == Taken(jobs=1, dead=1, results=1, documents=1)
    kept = loaded(path)
    assert kept.jobs == [DEAD.job, job]
    assert (kept.dead, kept.results, kept.documents) == ([DEAD.dead], [RESULT], [POLICY])
    assert kept.last_number == 7
    assert dumped(path) == [POLICY, DEAD, job, RESULT]


def test_what_is_there_already_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    all_of_it: list[Item] = [POLICY, DEAD, record(5), RESULT]
    take(path, *all_of_it)
    assert take(path, *all_of_it, record(6)) == Taken(jobs=1, skipped=4)
    assert dumped(path) == [POLICY, DEAD, record(5), record(6), RESULT]


def test_a_job_whose_result_is_there_is_over(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    take(path, RESULT)
    assert take(path, record(7)) == Taken(skipped=1)


def test_a_handle_with_the_number_of_another_job_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    take(path, record(5, b"mine"))
    other = DeadJob(record(5, b"dead", handle=b"H:other:5"), DEAD.dead._replace(number=5))
    taken = take(path, record(5, b"its", handle=b"H:other:5"), other)
    assert taken == Taken(jobs=1, dead=1, renumbered=2)
    assert dumped(path) == [
        record(5, b"mine"),
        record(6, b"its", handle=HERE + b"6"),
        DeadJob(record(7, b"dead", handle=HERE + b"7"), DEAD.dead._replace(number=7)),
    ]


def test_handles_of_a_host_with_a_long_name_have_no_more_than_63_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "n" * 64)
    path = tmp_path / "jobs.db"
    take(path, record(2**62 - 1), record(0, handle=b""))
    ((first, second),) = [[item for item in dumped(path) if isinstance(item, JobRecord)]]
    assert (len(second.handle), second.number) == (42 + 1 + 19, first.number + 1)
    assert second.handle.startswith(b"H:" + b"n" * 40 + b":")


def test_a_handle_of_more_than_63_bytes_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    long = record(7, handle=b"H:" + b"n" * 60 + b":7", unique=b"u")
    taken = take(path, long, DEAD._replace(job=DEAD.job._replace(handle=b"H:" + b"n" * 60 + b":3")))
    assert taken == Taken(jobs=1, dead=1, renumbered=2)
    with snapshot(str(path)) as connection:
        found = list(items(connection, True, []))
    assert [item.handle for item in found if isinstance(item, JobRecord)] == [HERE + b"1"]
    assert [item.job.handle for item in found if isinstance(item, DeadJob)] == [HERE + b"2"]


def test_a_job_without_a_handle_joins_an_equal_one_as_a_submit_does(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    dead = DeadJob(record(1, unique=b"d"), DEAD.dead._replace(number=1))
    take(path, dead, record(2, unique=b"u"), record(3, b"c", unique=b"-"))

    def new(workload: bytes = b"a", **others: bytes) -> Item:
        return record(0, workload, handle=b"", **others)

    joining = [new(unique=b"u"), new(b"c", unique=b"-")]
    alone = [new(unique=b"u", function=b"g"), new(b"e", unique=b"-"), new(b"", unique=b"-"), new(), new()]
    assert take(path, *joining, *alone, new(unique=b"d")) == Taken(jobs=6, skipped=2)
    assert take(path, new(b"", unique=b"-"), new(unique=b"d")) == Taken(jobs=1, skipped=1)


def test_the_files_belong_to_whom_their_folder_belongs(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(tmp_path, "nobody")
    take(tmp_path / "jobs.db", record(1))
    files = list(tmp_path.glob("jobs.db*"))
    assert len(files) > 1
    assert {file.stat().st_uid for file in files} == {tmp_path.stat().st_uid}


def test_nothing_is_taken_when_one_item_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    take(path, record(1))

    def given() -> Iterator[Item]:
        yield record(2)
        raise StoreError("line 2")

    with pytest.raises(StoreError, match="line 2"):
        Intake(str(path)).take(given())
    assert dumped(path) == [record(1)]
    assert take(path, record(2)) == Taken(jobs=1)
