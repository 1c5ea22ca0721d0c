"""What the command line does with the store of a pool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.broker.batch import Document
from geartrain.pool.address import address_of
from geartrain.pool.records import aside_bytes
from tests.cli.program import geartrain
from tests.pool.stores import opened
from tests.store.jobs import DEAD, ODD, RESULT, batch, kept, record
from tests.support.engines import EngineSet, standalone

POLICY = Document("policy", "f", '{"attempts": 3}')


@pytest.fixture
def engine() -> Iterator[EngineSet]:
    with standalone() as alone:
        yield alone


def fill(url: str) -> None:
    """Put an item of each kind into a pool, and a row that is no job."""

    async def put() -> None:
        made = batch(record(1, bytes(range(256)), function=b"f\xff"), record(2), ODD)
        made.buried[3] = DEAD
        made.results.append(RESULT)
        made.set(*POLICY)
        async with opened(address_of(url)) as store:
            await kept(store, made)
            await store.engine.ask("HSET", store.keys.aside, 9, aside_bytes("no job", 1.0, b"\0\0\0\1hw"))

    asyncio.run(put())


def test_doctor_looks_at_the_engine(engine: EngineSet) -> None:
    seen = geartrain("doctor", "--store", engine.url)
    assert (seen.status, seen.stderr) == (0, "")
    assert f"ok       store: {engine.url}\n" in seen.stdout
    assert f"warning  replicas {engine.nodes[0].place}: 0 connected -> start one" in seen.stdout
    engine.kill_primary()
    gone = geartrain("doctor", "--store", engine.url)
    assert gone.status == 1
    assert f"problem  engine: the engine at {engine.nodes[0].place} is lost" in gone.stdout


def test_backup_says_how_an_engine_is_copied(tmp_path: Path) -> None:
    seen = geartrain("backup", str(tmp_path / "copy"), "--store", "valkey://:secret@127.0.0.1:1")
    assert seen.status == 2
    assert "the store valkey://127.0.0.1:1 is no file: copy its engine's files after BGSAVE" in seen.stderr
    assert "secret" not in seen.stderr


def test_import_goes_by_a_server_of_the_pool(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text('{"function": "f"}')
    seen = geartrain("import", str(tmp_path / "jobs.jsonl"), "--store", "valkey://:secret@127.0.0.1:1")
    assert (seen.status, "secret" in seen.stderr) == (2, False)
    assert "submit to a server of the pool with --server" in seen.stderr


def test_a_url_that_is_wrong_is_refused_by_every_command(tmp_path: Path) -> None:
    for command in ("doctor", "export", "backup x", "server --check-args"):
        seen = geartrain(*command.split(), "--store", "valkey+sentinel://a:1")
        assert seen.status == 2
        assert "/SERVICE is expected" in seen.stderr


def test_what_a_pool_has_is_exported_and_can_be_imported_into_a_file(
    engine: EngineSet, tmp_path: Path
) -> None:
    fill(engine.url)
    file, path = tmp_path / "jobs.jsonl", tmp_path / "jobs.db"
    seen = geartrain("export", str(file), "--store", engine.url, "--results")
    assert seen.stdout == f"{file}: 2 jobs, 1 dead letter, 1 result, 1 document\n"
    assert geartrain("import", str(file), "--store", f"sqlite:{path}").status == 0
    again = geartrain("export", "--store", f"sqlite:{path}", "--results")
    assert sorted(again.stdout.splitlines()) == sorted(file.read_text().splitlines())
    aside = geartrain("export", "--store", engine.url, "--set-aside")
    assert [(row["number"], row["head"], row["reason"]) for row in aside.rows] == [(9, "h", "no job")]
