"""Damaged files: a row that is not what was written is set aside and said, and everything else is there."""

from __future__ import annotations

import os
import sqlite3
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geartrain.broker.batch import Batch, Document, JobRecord
from geartrain.broker.model import CONTENT
from geartrain.errors import StoreError
from geartrain.store.database import Database
from geartrain.store.dump import items
from geartrain.store.health import WARNING, examine
from geartrain.store.intake import Intake
from geartrain.store.portable import DeadJob
from geartrain.store.snapshot import snapshot
from geartrain.store.upgrade import changes_in_pieces, upgrade_tables
from tests.cli.program import geartrain
from tests.store.jobs import DEAD, ODD, RESULT, batch, everything, in_loop, kept, opened, record

OTHER_WORKLOAD = "UPDATE job SET workload = CAST('b' AS BLOB) WHERE number = 2"
OTHER_FUNCTION = (
    "UPDATE job SET head = CAST(substr(head, 1, 44) || 'g' || substr(head, 46) AS BLOB) WHERE number = 2"
)
POLICY = Document("policy", "thumb*", '{"paused":true}')


def change(path: Path, *statements: str) -> None:
    """Damage a file."""
    file = sqlite3.connect(path)
    with file:
        for statement in statements:
            file.execute(statement)
    file.close()


def rows(path: Path, question: str) -> list[tuple[object, ...]]:
    file = sqlite3.connect(path)
    found = file.execute(question).fetchall()
    file.close()
    return found


@in_loop
async def test_a_job_whose_workload_changed_in_the_file_is_set_aside_by_its_name(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1), record(2, unique=b"u"), record(3)))
    change(path, OTHER_WORKLOAD)
    async with opened(path) as store:
        found = await everything(store)
        assert [job.number for job in found.jobs] == [1, 3]
        assert found.damaged == ["job 2"]
        assert found.notices == [
            "job 2 (H:test:2, function f, unique u) set aside, as it cannot be read:"
            " the checksum does not fit"
        ]
    assert rows(path, "SELECT number, workload FROM set_aside") == [(2, b"b")]
    told = [finding for finding in examine(str(path)) if finding.subject == "set aside"]
    assert [finding.mark for finding in told] == [WARNING]
    assert "job 2 (H:test:2, function f, unique u)" in told[0].text
    listed = geartrain("store", "damaged", "--store", f"sqlite:{path}", "--json")
    assert [(row["row"], row["reason"]) for row in listed.rows] == [
        ("job 2 (H:test:2, function f, unique u)", "the checksum does not fit")
    ]


@pytest.mark.parametrize("statement", [OTHER_WORKLOAD, OTHER_FUNCTION])
def test_a_row_that_changed_is_not_given_when_its_workload_is_wanted_later(
    statement: str, tmp_path: Path
) -> None:
    in_loop(lambda path: read_later(path, statement))(tmp_path)


async def read_later(path: Path, statement: str) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1), record(2)))
    change(path, statement)
    async with opened(path, memory=0) as store:
        assert [job.number for job in (await everything(store)).jobs] == [1, 2]
        wanted = Batch()
        wanted.wanted.update(dict.fromkeys([1, 2]))
        assert (await kept(store, wanted)).workloads == {1: b"a", 2: None}
    assert rows(path, "SELECT number, reason FROM set_aside") == [(2, "the checksum does not fit")]


@in_loop
async def test_a_workload_that_is_the_key_of_its_job_is_checked_beyond_the_memory_too(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1, unique=CONTENT), record(2, unique=CONTENT)))
    change(path, OTHER_WORKLOAD)
    async with opened(path, memory=0) as store:
        found = await everything(store)
        assert [(job.number, job.workload) for job in found.jobs] == [(1, b"a")]
        assert found.damaged == ["job 2"]


@in_loop
async def test_a_changed_job_keeps_the_checksum_of_its_workload(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1), record(2)))
        for attempts in (200, 3):
            later = Batch()
            for number in (1, 2):
                changed = record(number, attempts=attempts, losses=2)
                later.changes.append(changed._replace(workload=None))
            await kept(store, later)
    change(path, OTHER_WORKLOAD)
    async with opened(path) as store:
        assert (await everything(store)).jobs == [record(1, attempts=3, losses=2)]


@in_loop
async def test_rows_that_changed_places_are_set_aside(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(1, b"one"), record(2, b"two")))
    change(
        path,
        "UPDATE job SET number = 3 WHERE number = 1",
        "UPDATE job SET number = 1 WHERE number = 2",
    )
    async with opened(path) as store:
        found = await everything(store)
        assert (found.jobs, sorted(found.damaged)) == ([], ["job 1", "job 3"])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE result SET result = CAST('altered' AS BLOB)",
        "UPDATE result SET worker = x'00'",
        "UPDATE result SET finished_at = 'never'",
        "UPDATE result SET expires_at = 9e999",
        "UPDATE result SET state = CAST('complete' AS BLOB)",
        "UPDATE result SET number = 9223372036854775807",
        "UPDATE result SET attempts = attempts + 1",
    ],
)
def test_a_result_that_changed_in_the_file_is_set_aside_and_said(statement: str, tmp_path: Path) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path) as store:
            made = batch(record(1))
            made.results.append(RESULT)
            await kept(store, made)
        change(path, statement)
        async with opened(path) as store:
            found = await everything(store)
            assert (found.jobs, found.results, len(found.damaged)) == ([record(1)], [], 1)
            assert found.notices[0].startswith("result ")
        async with opened(path) as store:
            assert not (await everything(store)).notices
        assert len(rows(path, "SELECT content FROM set_aside_other WHERE kind = 'result'")) == 1

    conversation(tmp_path)


@in_loop
async def test_a_job_whose_dead_letter_changed_in_the_file_stays_dead(path: Path) -> None:
    async with opened(path) as store:
        made = batch(ODD)
        made.buried[3] = DEAD
        await kept(store, made)
    change(path, "UPDATE dead SET error = CAST('altered' AS BLOB)")
    for damaged in (["dead 3"], []):
        async with opened(path) as store:
            found = await everything(store)
            assert (found.jobs, found.damaged) == ([ODD], damaged)
            assert [(letter.number, letter.reason) for letter in found.dead] == [(3, "unknown")]


@in_loop
async def test_a_dead_letter_without_its_job_is_set_aside_for_a_later_job_of_its_number(path: Path) -> None:
    async with opened(path) as store:
        made = batch(ODD)
        made.buried[3] = DEAD
        await kept(store, made)
    change(path, "DELETE FROM job")
    async with opened(path) as store:
        assert (await everything(store)).damaged == ["dead 3"]
        await kept(store, batch(ODD))
    async with opened(path) as store:
        found = await everything(store)
        assert (found.jobs, found.dead) == ([ODD], [])


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE document SET text = CAST('{\"paused\":false}' AS BLOB) WHERE kind = 'policy'",
        "UPDATE document SET name = CAST('other' AS BLOB) WHERE kind = 'policy'",
        "UPDATE document SET text = 5 WHERE kind = 'policy'",
        "UPDATE document SET kind = x'ff' WHERE kind = 'policy'",
        "UPDATE document SET name = 'text' WHERE kind = 'policy'",
    ],
)
def test_a_document_that_changed_in_the_file_is_set_aside_and_said(statement: str, tmp_path: Path) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path) as store:
            made = batch(record(1))
            made.set(*POLICY)
            await kept(store, made)
        change(path, statement)
        async with opened(path) as store:
            found = await everything(store)
            assert (found.jobs, found.documents, len(found.damaged)) == ([record(1)], [], 1)
        async with opened(path) as store:
            assert not (await everything(store)).notices

    conversation(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM numbering",
        "UPDATE numbering SET last = 'text'",
        "UPDATE numbering SET last = -1",
        "UPDATE numbering SET last = 9223372036854775807",
        "UPDATE numbering SET last = 3",
    ],
)
def test_how_far_the_handles_have_come_is_known_twice(statement: str, tmp_path: Path) -> None:
    @in_loop
    async def conversation(path: Path) -> None:
        async with opened(path) as store:
            await kept(store, batch(record(41)))
            await kept(store, batch(removed=(41,)))
        change(path, statement)
        async with opened(path) as store:
            assert (await everything(store)).last_number == 41

    conversation(tmp_path)


@in_loop
async def test_where_both_are_lost_the_handles_go_on_far_behind_and_it_is_said(path: Path) -> None:
    async with opened(path) as store:
        await kept(store, batch(record(41)))
    change(path, "DELETE FROM numbering", "DELETE FROM document")
    async with opened(path) as store:
        found = await everything(store)
        assert found.last_number == 41 + 2**40
        assert found.notices == [f"how far the handles had come is lost: they go on after {41 + 2**40}"]


COLUMNS = ["job.head", "job.workload", "dead.error", "dead.reason", "result.result", "result.handle"]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(COLUMNS), st.integers(0, 7), st.data())
def test_whatever_bit_changes_nothing_comes_back_altered(
    tmp_path_factory: pytest.TempPathFactory, column: str, bit: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flip") / "jobs.db"
    jobs = [record(1, b"one", unique=b"u"), ODD]
    Intake(str(path)).take([jobs[0], DeadJob(ODD, DEAD), RESULT])
    table, name = column.split(".")
    file = sqlite3.connect(path)
    (value,) = file.execute(f"SELECT CAST({name} AS BLOB) FROM {table} ORDER BY number").fetchone()
    place = data.draw(st.integers(0, len(value) - 1))
    changed = bytearray(value)
    changed[place] ^= 1 << bit
    kind = "TEXT" if name == "reason" else "BLOB"
    first = f"(SELECT min(number) FROM {table})"
    file.execute(f"UPDATE {table} SET {name} = CAST(? AS {kind}) WHERE number = {first}", (bytes(changed),))
    file.commit()
    file.close()

    database = Database(str(path), "fast", 0)
    parts = list(database.load(1000))
    database.close(0)
    assert sum(len(part.damaged) for part in parts) == 1
    assert [job for part in parts for job in part.jobs if job not in jobs] == []
    assert [result for part in parts for result in part.results if result != RESULT] == []
    letters = [letter for part in parts for letter in part.dead]
    assert [letter for letter in letters if letter != DEAD and letter.reason != "unknown"] == []


MANY = [record(n, b"workload %d " % n * (n % 7 * 20 + 1), unique=b"u%d" % n) for n in range(1, 301)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of three hundred jobs."""
    path = tmp_path_factory.mktemp("whole") / "jobs.db"
    Intake(str(path)).take(MANY)
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_with_a_bit_that_changed_anywhere_is_refused_or_gives_its_jobs_unaltered(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, data: st.DataObject
) -> None:
    most = data.draw(st.sampled_from((4096, len(whole))))  # half of them where the schema is
    place = data.draw(st.integers(0, most - 1))
    changed = bytearray(whole)
    changed[place] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flip") / "jobs.db"
    path.write_bytes(changed)
    try:
        found = jobs_in(path)
    except (StoreError, sqlite3.Error):
        return
    assert [job for job in found if job not in MANY] == []
    assert len(found) >= len(MANY) - 1


@pytest.mark.parametrize(
    "sql",
    [
        "replace(sql, 'numbering', x'ee' || 'umbering')",
        "replace(sql, 'number INTEGER', 'number INTEGE2')",
        "replace(sql, 'head BLOB', 'hezd BLOB')",
    ],
)
def test_a_file_whose_tables_are_defined_wrongly_is_one_line_and_status_2(sql: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    Intake(str(path)).take(MANY)
    change(path, "PRAGMA writable_schema = ON", f"UPDATE sqlite_master SET sql = {sql}")
    ended = geartrain("server", "--listen", "127.0.0.1", "--port", "0", "--store", f"sqlite:{path}")
    assert (ended.status, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert str(path) in ended.stderr


def test_a_table_that_begins_at_another_page_does_not_look_empty(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    Intake(str(path)).take(MANY)
    other = "SELECT rootpage FROM sqlite_master WHERE name = 'dead'"
    statement = f"UPDATE sqlite_master SET rootpage = ({other}) WHERE name = 'job'"
    change(path, "PRAGMA writable_schema = ON", statement)
    with pytest.raises(sqlite3.DatabaseError, match="malformed"):
        jobs_in(path)


def jobs_in(path: Path) -> list[JobRecord]:
    """All jobs that a server would have of a file; raises StoreError and sqlite3.Error."""
    database = Database(str(path), "fast", 0)
    try:
        return [job for part in database.load(1 << 30) for job in part.jobs]
    finally:
        database.lock.close()
        database.connection.close()


@pytest.mark.parametrize("size", [100, 4096, 8192, 20480])
def test_a_file_that_was_cut_is_one_line_and_status_2(size: int, tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    Intake(str(path)).take([record(n, b"w" * 300) for n in range(1, 200)])
    os.truncate(path, size)
    ended = geartrain("server", "--listen", "127.0.0.1", "--port", "0", "--store", f"sqlite:{path}")
    assert (ended.status, len(ended.stderr.splitlines())) == (2, 1)
    assert str(path) in ended.stderr


def test_of_a_file_with_a_damaged_page_all_others_are_exported(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    jobs = [record(n, b"w" * 300) for n in range(1, 2001)]
    Intake(str(path)).take([*jobs, RESULT._replace(number=5000, handle=b"H:test:5000")])
    data = path.read_bytes()
    page = data.rindex(b"H:test:1000f") // 4096
    path.write_bytes(data[: page * 4096] + b"\xff" * 4096 + data[(page + 1) * 4096 :])
    with pytest.raises(StoreError, match=r"malformed .geartrain export saves what can be read"):
        in_loop(lambda path: load(path))(tmp_path)
    exported = geartrain("export", str(tmp_path / "saved"), "--results", "--store", f"sqlite:{path}")
    assert exported.status == 1
    assert "job rows on a damaged page is left out" in exported.stderr
    imported = geartrain("import", str(tmp_path / "saved"), "--store", f"sqlite:{tmp_path}/new.db")
    assert imported.status == 0
    with snapshot(f"{tmp_path}/new.db") as connection:
        found = list(items(connection, True, []))
    assert [item for item in found[:-1] if item not in jobs] == []
    assert 1970 < len(found) < 2001


async def load(path: Path) -> None:
    async with opened(path) as store:
        await everything(store)


# Files of the first version

OLD_SCHEMA = """
CREATE TABLE job (number INTEGER PRIMARY KEY, head BLOB NOT NULL, workload BLOB NOT NULL);
CREATE TABLE dead (
    number INTEGER PRIMARY KEY, reason TEXT NOT NULL, worker BLOB NOT NULL, error BLOB NOT NULL, died_at REAL NOT NULL
);
CREATE TABLE result (
    number INTEGER PRIMARY KEY, handle BLOB NOT NULL, function BLOB NOT NULL, "unique" BLOB NOT NULL,
    state TEXT NOT NULL, result BLOB NOT NULL, submitted_at REAL NOT NULL, started_at REAL NOT NULL,
    finished_at REAL NOT NULL, expires_at REAL NOT NULL, attempts INTEGER NOT NULL, worker BLOB NOT NULL
);
CREATE TABLE document (
    kind TEXT NOT NULL, name BLOB NOT NULL, text BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE set_aside (number INTEGER NOT NULL, head BLOB, workload BLOB, reason TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE numbering (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT INTO numbering VALUES (1, 90);
PRAGMA application_id = 0x47654172;
PRAGMA user_version = 1;
"""


def old_head(job: JobRecord) -> bytes:
    """A head as the first version wrote it."""
    texts = (job.handle, job.function, job.unique, job.reducer, job.metadata)
    sizes = [len(text) for text in texts]
    numbers = (1, job.priority, job.attempts, job.run_at, job.submitted_at, *sizes)
    return struct.pack("<BBIddHHHHH", *numbers) + b"".join(texts)


def old_file(path: Path, *jobs: JobRecord) -> None:
    """A file that the first version has left with these jobs, a dead letter, a result and a policy."""
    file = sqlite3.connect(path)
    file.executescript(OLD_SCHEMA)
    file.executemany(
        "INSERT INTO job VALUES (?, ?, ?)", [(job.number, old_head(job), job.workload) for job in jobs]
    )
    file.execute("INSERT INTO dead VALUES (?, ?, ?, ?, ?)", DEAD)
    file.execute(f"INSERT INTO result VALUES ({','.join('?' * len(RESULT))})", RESULT)
    kind, name, text = POLICY
    file.execute("INSERT INTO document VALUES (?, ?, ?)", (kind, name.encode(), text.encode()))
    file.commit()
    file.close()


@in_loop
async def test_a_file_of_the_first_version_gets_checksums_in_its_place(path: Path) -> None:
    jobs = [record(1), ODD, *(record(n, b"w" * n) for n in range(10, 60))]
    old_file(path, *jobs)
    async with opened(path) as store:
        found = await everything(store)
        assert (found.jobs, found.dead, found.results) == (jobs, [DEAD], [RESULT])
        assert (found.documents, found.last_number, found.damaged) == ([POLICY], 90, [])
        (notice,) = found.notices
        assert notice.startswith("the store is of version 2 now: 52 jobs have a checksum, after ")
    change(path, "UPDATE job SET workload = x'00' WHERE number = 20", "UPDATE result SET worker = x'00'")
    async with opened(path) as store:
        found = await everything(store)
        assert sorted(found.damaged) == ["job 20", "result 4"]
        assert (len(found.jobs), found.dead, found.documents) == (len(jobs) - 1, [DEAD], [POLICY])


@in_loop
async def test_an_upgrade_that_was_broken_off_goes_on(path: Path) -> None:
    jobs = [record(n, b"w" * n) for n in range(1, 9)]
    old_file(path, *jobs)
    database = Database(str(path), "full", 0)
    upgrade_tables(database)
    changes = next(changes_in_pieces(database.connection))
    with database.transaction():
        database.connection.executemany("UPDATE job SET head = ? WHERE number = ?", changes[:3])
    database.close(0)
    async with opened(path) as store:
        found = await everything(store)
        assert found.jobs == jobs
        assert "5 jobs have a checksum" in found.notices[0]


def test_a_file_of_the_first_version_is_read_as_it_is_and_imported_into(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    old_file(path, record(1), ODD)
    with snapshot(str(path)) as connection:
        assert list(items(connection, True, [])) == [POLICY, record(1), DeadJob(ODD, DEAD), RESULT]
    assert "set aside" not in [finding.subject for finding in examine(str(path))]
    Intake(str(path)).take([record(95)])
    with snapshot(str(path)) as connection:
        assert list(items(connection, True, [])) == [
            POLICY,
            record(1),
            DeadJob(ODD, DEAD),
            record(95),
            RESULT,
        ]
