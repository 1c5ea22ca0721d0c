"""``geartrain export`` and ``geartrain import``: jobs as lines of JSON, out of one store and into another."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from geartrain.broker.batch import DeadRecord, Document, ResultRecord
from geartrain.jobs import WorkerJob
from geartrain.protocol.submission import Priority
from geartrain.store.intake import Intake
from geartrain.store.portable import DeadJob, Item, line_of
from geartrain.sync.client import Client
from geartrain.sync.worker import Worker
from tests.cli.program import geartrain
from tests.store.jobs import record
from tests.support.processes import ServerProgram, gearmand, geartrain_server

BINARY = bytes(range(256))
FAR = datetime(2100, 1, 1, tzinfo=UTC)

DEAD = DeadJob(record(3), DeadRecord(3, "fail", b"worker", b"it did not work", 1.9e9))
POLICY = Document("policy", "f", '{"attempts": 3}')
RESULT = ResultRecord(4, b"H:test:4", b"f", b"", "complete", b"r", 1.0, 2.0, 3.0, 4e9, 1, b"w")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/jobs.db"


@pytest.fixture
def other(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/other/jobs.db"


@pytest.fixture
def used(store: str) -> Iterator[ServerProgram]:
    """A server that uses the store."""
    with geartrain_server("--store", store) as server:
        yield server


def fill(tmp_path: Path, *odd_rows: bytes) -> None:
    """A store with one item of each kind, and rows that are no jobs."""
    Intake(f"{tmp_path}/jobs.db").take(
        [POLICY, record(1, BINARY, function=b"f\xff"), record(2), DEAD, RESULT]
    )
    connection = sqlite3.connect(tmp_path / "jobs.db")
    with connection:
        for number, head in enumerate(odd_rows, 100):
            connection.execute("INSERT INTO job VALUES (?, ?, x'61')", (number, head))
    connection.close()


def test_a_store_in_use_is_exported_and_imported_with_all_that_its_jobs_are(
    used: ServerProgram, store: str, other: str, tmp_path: Path
) -> None:
    with Client(used.address) as client:
        handles = [
            client.do_background("f", BINARY, unique="u"),
            client.do_background("f", b"", priority=Priority.HIGH),
            client.do_background("größe", b"later", at=FAR),
        ]
    exported = geartrain("export", "--store", store)
    assert [row["handle"] for row in exported.rows] == handles
    assert [row["priority"] for row in exported.rows] == ["normal", "high", "normal"]
    assert [row["run_at"] for row in exported.rows] == [None, None, FAR.timestamp()]
    taken = geartrain("import", "-", "--store", other, stdin=exported.stdout.encode())
    assert (taken.status, taken.stdout) == (0, f"{tmp_path}/other/jobs.db: 3 jobs imported\n")
    assert geartrain("export", "--store", other).stdout == exported.stdout
    with geartrain_server("--store", other) as second, Worker(second.address) as worker:
        worker.register("f")
        first, second_job = worker.grab(5), worker.grab(5)
        assert isinstance(first, WorkerJob)
        assert isinstance(second_job, WorkerJob)
        assert (first.handle, first.workload) == (handles[1], b"")
        assert (second_job.handle, second_job.workload) == (handles[0], BINARY)


def test_what_a_crash_left_is_read_and_stays_as_it_is(
    used: ServerProgram, store: str, tmp_path: Path
) -> None:
    with Client(used.address) as client:
        handle = client.do_background("f", BINARY)
    for name in ("jobs.db", "jobs.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / f"crashed-{name}")
    crashed = f"sqlite:{tmp_path}/crashed-jobs.db"
    before = [(tmp_path / f"crashed-{name}").read_bytes() for name in ("jobs.db", "jobs.db-wal")]
    assert [row["handle"] for row in geartrain("export", "--store", crashed).rows] == [handle]
    assert geartrain("backup", f"{tmp_path}/copy.db", "--store", crashed).status == 0
    after = [(tmp_path / f"crashed-{name}").read_bytes() for name in ("jobs.db", "jobs.db-wal")]
    assert before == after  # nothing was moved from the log into the file
    assert before[1] != b""


def test_results_come_only_when_they_are_wanted(tmp_path: Path, store: str) -> None:
    fill(tmp_path)
    rows = geartrain("export", "--store", store).rows
    assert [row["type"] for row in rows] == ["document", "job", "job", "job"]
    assert (rows[3]["reason"], rows[3]["error"]) == ("fail", "it did not work")
    assert [row["type"] for row in geartrain("export", "--store", store, "--results").rows][-1] == "result"


def test_a_file_appears_whole_and_is_replaced_by_force_only(tmp_path: Path, store: str) -> None:
    fill(tmp_path)
    file = tmp_path / "jobs.ndjson"
    made = geartrain("export", str(file), "--store", store)
    assert (made.status, made.stdout) == (0, f"{file}: 2 jobs, 1 dead letter, 1 document\n")
    again = geartrain("export", str(file), "--store", store)
    assert (again.status, again.stdout) == (2, "")
    forced = geartrain("export", str(file), "--store", store, "--force", "--results", "--json")
    assert forced.rows[0]["results"] == 1
    assert len(file.read_text().splitlines()) == 5


def test_a_row_that_is_no_job_is_left_out_said_and_shown_with_the_reason(tmp_path: Path, store: str) -> None:
    fill(tmp_path, b"\xffnonsense")
    exported = geartrain("export", "--store", store)
    assert (exported.status, len(exported.rows)) == (1, 4)
    assert "job 100 is left out, as it cannot be read: a head of 9 bytes" in exported.stderr
    assert "geartrain export --set-aside has them" in exported.stderr
    before = geartrain("export", "--set-aside", "--store", store).rows
    with geartrain_server("--store", store):
        pass
    (row,) = geartrain("export", "--set-aside", "--store", store).rows
    assert (row["number"], row["head_base64"], row["workload"]) == (100, "/25vbnNlbnNl", "a")
    assert [{**shown, "at": 0.0} for shown in (before[0], row)] == [before[0]] * 2
    assert geartrain("export", "--store", store).status == 0


def test_a_job_written_by_hand_gets_a_handle_after_those_that_are_there(tmp_path: Path, store: str) -> None:
    fill(tmp_path)
    lines = (
        b'{"function": "f", "workload": "hi"}\n\n{"function": "f", "handle": "H:x:2", "priority": "low"}\n'
    )
    (taken,) = geartrain("import", "-", "--store", store, "--json", stdin=lines).rows
    assert (taken["jobs"], taken["renumbered"]) == (2, 1)
    handles = [row["handle"] for row in geartrain("export", "--store", store).rows if row["type"] == "job"]
    assert [handle.rpartition(":")[2] for handle in handles] == ["1", "2", "3", "5", "6"]


def test_one_wrong_line_and_nothing_is_imported(tmp_path: Path, store: str) -> None:
    fill(tmp_path)
    before = geartrain("export", "--store", store).stdout
    (tmp_path / "wrong").write_text('{"function": "f"}\n{"function": "f", "priority": "urgent"}\n')
    for target in (("--store", store), ("--server", "127.0.0.1:1")):
        refused = geartrain("import", str(tmp_path / "wrong"), *target)
        assert (refused.status, refused.stderr) == (
            1,
            f"geartrain: {tmp_path}/wrong, line 2: priority 'urgent': expected one of high, normal, low\n",
        )
    assert geartrain("export", "--store", store).stdout == before


def test_a_store_in_use_takes_no_import(used: ServerProgram, store: str) -> None:
    refused = geartrain("import", "-", "--store", store, stdin=b'{"function": "f"}\n')
    assert (refused.status, refused.stdout) == (1, "")
    assert (
        f"is in use by a server, process {used.pid}: stop it, or submit to it with --server" in refused.stderr
    )


ITEMS: list[Item] = [
    POLICY,
    record(1, BINARY, function=b"f\xff", unique=b"odd\xff"),
    record(2, b"high", unique=b"h", priority=0, attempts=2),
    record(3, b"c", unique=b"-", priority=2),
    record(4, b"c", unique=b"-"),
    record(5, b"later", unique=b"l", run_at=FAR.timestamp()),
    record(6, b"past", unique=b"p", run_at=1.0, priority=0),
    record(7, b"reduced", unique=b"r", reducer=b"sum", metadata=b'{"a":"b"}'),
    record(8, b"alone"),
    record(9, b"alone", metadata=b'{"a":"b"}'),
    record(10, b"soon", unique=b"s", run_at=FAR.timestamp() + 0.25, priority=2),
    DEAD,
    RESULT,
]


def test_a_running_server_takes_jobs_as_submits_with_all_that_a_submit_carries(
    used: ServerProgram, store: str
) -> None:
    taken = geartrain("import", "-", "--server", used.address, stdin=b"".join(map(line_of, ITEMS)))
    assert (taken.status, taken.stdout) == (0, f"{used.address}: 10 jobs submitted\n")
    assert taken.stderr.splitlines() == [
        "geartrain: 1 document left out: only a store takes that",
        "geartrain: 1 dead letter left out: only a store takes that",
        "geartrain: 1 result left out: only a store takes that",
        "geartrain: attempts of 1 job lost: a submit does not carry that",
        "geartrain: metadata of 1 job lost: a submit does not carry that",
    ]
    kept = [json.loads(line) for line in geartrain("export", "--store", store).stdout.splitlines()]
    jobs = [
        (row.get("unique"), row.get("workload"), *map(row.get, ("priority", "reducer", "run_at", "metadata")))
        for row in kept
    ]
    assert jobs == [
        (None, None, "normal", "", None, {}),
        ("h", "high", "high", "", None, {}),
        ("-", "c", "low", "", None, {}),
        ("l", "later", "normal", "", FAR.timestamp(), {}),
        ("p", "past", "high", "", None, {}),
        ("r", "reduced", "normal", "sum", None, {}),
        ("", "alone", "normal", "", None, {}),
        ("", "alone", "normal", "", None, {"a": "b"}),
        ("s", "soon", "low", "", FAR.timestamp() + 0.25, {}),
    ]
    assert (kept[0]["function_base64"], kept[0]["unique_base64"]) == ("Zv8=", "b2Rk/w==")


def test_a_gearmand_takes_them_too(tmp_path: Path) -> None:
    later = record(1, b"later", unique=b"l", run_at=FAR.timestamp(), priority=0)
    lines = line_of(later) + line_of(record(2, metadata=b'{"a":"b"}'))
    with gearmand() as server:
        (taken,) = geartrain("import", "-", "--server", server.address, "--json", stdin=lines).rows
        assert taken == {
            "servers": [server.address],
            "jobs": 2,
            "left_out": {},
            "not_carried": {"priority": 1, "metadata": 1},
        }
        assert server.ask("status") == "f\t2\t0\t0\n.\n"


def test_a_server_that_is_not_there_gets_nothing() -> None:
    refused = geartrain("import", "-", "--server", "127.0.0.1:1", stdin=b'{"function": "f"}\n')
    assert (refused.status, refused.stdout) == (3, "")
    assert "0 of 1 are submitted" in refused.stderr


def test_store_and_server_exclude_each_other(store: str) -> None:
    refused = geartrain("import", "-", "--store", store, "--server", "h:1")
    assert refused.status == 2
    assert "expected only one of them" in refused.stderr
