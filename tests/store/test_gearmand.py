"""gearmand's tables, as its plugins make them; the real ones are in tests/interop."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from geartrain.broker.batch import JobRecord
from geartrain.errors import GearmanError, SettingsError, StoreError
from geartrain.store.gearmand import jobs
from tests.store.jobs import record

NOW = 1.9e9
COLUMNS = "unique_key TEXT, function_name TEXT, priority INTEGER, data BLOB"


def table(path: Path, *rows: tuple[Any, ...], name: str = "gearman_queue", columns: str = "") -> str:
    """A file with a table; the path of it."""
    columns = columns or f"{COLUMNS}, when_to_run INTEGER"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"CREATE TABLE {name} ({columns})")
        for row in rows:
            connection.execute(f"INSERT INTO {name} VALUES ({', '.join('?' * len(row))})", row)
    connection.close()
    return str(path)


def job(workload: bytes = b"a", **others: Any) -> JobRecord:
    return record(0, workload, handle=b"", submitted_at=NOW, **others)


def found(source: str, table: str = "") -> list[JobRecord]:
    return list(jobs(source, table, NOW))


@pytest.fixture(params=["file", "URL"])
def form(request: pytest.FixtureRequest) -> Any:
    """Makes the one or the other source of a path."""
    if request.param == "URL":
        return lambda path: f"sqlite:///{path}"
    return str


def test_a_row_is_a_background_job(tmp_path: Path, form: Any) -> None:
    rows = [("u", "f", 0, b"a\0\xff", 0), ("", "größe", 2, b"a", 2_000_000_000), ("v", "f", 1, None, None)]
    source = form(table(tmp_path / "q.db", *rows))
    assert found(source) == [
        job(b"a\0\xff", unique=b"u", priority=0),
        job(function="größe".encode(), priority=2, run_at=2e9),
        job(b"", unique=b"v"),
    ]


def test_an_old_table_has_no_times(tmp_path: Path, form: Any) -> None:
    source = form(table(tmp_path / "q.db", ("u", "f", 1, b"a"), columns=COLUMNS))
    assert found(source) == [job(unique=b"u")]


def test_a_table_of_another_name_is_named(tmp_path: Path, form: Any) -> None:
    path = table(tmp_path / "q.db", ("u", "f", 1, b"a", 0), name='"my ""jobs"')
    with pytest.raises(StoreError, match=r'a table gearman_queue or queue is expected, there are: my "jobs'):
        found(form(path))
    assert found(form(path), 'my "jobs') == [job(unique=b"u")]


def test_names_in_a_file_need_not_be_utf_8(tmp_path: Path) -> None:
    path = table(tmp_path / "q.db")
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO gearman_queue VALUES (CAST(x'e4' AS TEXT), CAST(x'66ff' AS TEXT), 1, x'61', 0)"
        )
    connection.close()
    assert found(path) == [job(unique=b"\xe4", function=b"f\xff")]


def test_a_time_after_2038_comes_back_from_32_bits(tmp_path: Path) -> None:
    path = table(tmp_path / "q.db", ("u", "f", 1, b"a", 4_102_444_800 - 2**32))
    assert found(f"sqlite:///{path}")[0].run_at == 4_102_444_800
    assert found(path)[0].run_at == 0  # a file has 64 bits: a negative time is now


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("u", "f", 3, b"a", 0), r"row 2: priority 3: expected 0 \(high\), 1 \(normal\) or 2 \(low\)"),
        (("u", "", 1, b"a", 0), "row 2: function_name b'': expected 1 to 512 bytes"),
        (("u", "f", 1, b"a", b"soon"), "row 2: when_to_run b'soon': expected Unix seconds"),
        (("u", "f", 1, 2.5, 0), "row 2: 2.5: expected bytes or text"),
    ],
)
def test_a_row_that_is_no_job_is_named(tmp_path: Path, row: tuple[Any, ...], message: str) -> None:
    path = table(tmp_path / "q.db", ("t", "f", 1, b"a", 0), row)
    with pytest.raises(StoreError, match=message):
        found(path)


def test_a_table_without_gearmands_columns_is_refused(tmp_path: Path, form: Any) -> None:
    path = table(tmp_path / "q.db", columns="unique_key TEXT, data BLOB")
    with pytest.raises(StoreError, match="has no function_name, priority"):
        found(form(path))


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("/no/such/file", SettingsError, "there is no file /no/such/file"),
        (__file__, StoreError, "cannot read .*: file is not a database"),
        (
            "mysql+nothing://me:secret@host/db",
            SettingsError,
            r"mysql\+nothing://me@host/db: Can't load plugin",
        ),
        ("oracle://me:secret@host/db", SettingsError, r"oracle://me@host/db needs \w+: pip install"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/db", StoreError, "cannot read .*//me@127.0.0.1:1/db"),
    ],
)
def test_a_source_that_cannot_be_read_says_why_and_no_password(
    source: str, kind: type[GearmanError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        found(source)
    assert "secret" not in str(caught.value)


# A gearmand that was killed


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_what_a_killed_gearmand_left_unfinished_is_put_right_in_a_copy(mode: str, tmp_path: Path) -> None:
    folder = tmp_path / "left"
    folder.mkdir()
    path = tmp_path / "q.db"
    table(path, *((f"u{n}", "f", 1, b"x" * 2000, 0) for n in range(300)))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute("PRAGMA cache_size = 1")
    connection.execute("INSERT INTO gearman_queue VALUES ('last', 'f', 1, x'00', 0)")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        "UPDATE gearman_queue SET data = zeroblob(2000)"
    )  # pages of it are in the file already
    ends = ["", *(end for end in ("-journal", "-wal") if path.with_name(f"q.db{end}").exists())]
    for end in ends:
        (folder / f"q.db{end}").write_bytes(path.with_name(f"q.db{end}").read_bytes())
    connection.close()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert len(before) == 2
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    rows = [(job.unique, job.workload) for job in found(str(folder / "q.db"))]
    assert rows == [*((b"u%d" % n, b"x" * 2000) for n in range(300)), (b"last", b"\0")]
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
