"""A server whose file is lost: it says so, keeps what it has in memory, and writes that to a new file when asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from geartrain.protocol.commands import ERROR, JOB_CREATED, SUBMIT_JOB_BG, WORK_EXCEPTION
from geartrain.store.dump import items
from geartrain.store.portable import Item
from geartrain.store.snapshot import snapshot
from tests.cli.program import geartrain
from tests.server.links import Connect, Link, links_to
from tests.store.test_lost_file import cut, overwrite_log, overwrite_pages, remove, replace
from tests.support.machine import wait_until
from tests.support.processes import ServerProgram, geartrain_server

LARGE = b"x" * 1000
REASON = "the job store cannot keep jobs: "


def on(path: Path, *options: str) -> ServerProgram:
    return geartrain_server("--store", f"sqlite:{path}", "--job-handle-prefix", "H:test", *options)


def stats(server: ServerProgram) -> dict[str, object]:
    row: dict[str, object] = json.loads(server.ask("stats").splitlines()[0])
    return row


def content(path: Path) -> list[Item]:
    with snapshot(str(path)) as connection:
        return list(items(connection, True, []))


def filled(connect: Connect, server: ServerProgram) -> None:
    """Jobs, some with workloads that only the file has, a dead letter, and a policy."""
    client, worker = connect(), connect()
    server.ask('policy bad {"dead_letter":true,"attempts":1}')
    client.submits(SUBMIT_JOB_BG, b"bad", LARGE)
    handle, *_ = worker.grabs(b"bad")
    worker.says(WORK_EXCEPTION, handle, b"no")
    for number in range(20):
        client.submits(SUBMIT_JOB_BG, b"f", b"%d " % number + LARGE)


def refusal(client: Link) -> bytes:
    """Why a background job is refused."""
    answer, *arguments = client.asks(SUBMIT_JOB_BG, b"f", b"", b"late")
    assert (answer, arguments[0]) == (ERROR, b"QUEUE_ERROR")
    return arguments[1]


@pytest.mark.parametrize("harm", [remove, replace])
def test_all_that_was_acknowledged_is_in_the_new_file(harm: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with on(path, "--workload-memory", "5000") as server, links_to(server) as connect:
        filled(connect, server)
        before = content(path)
        reason = f"the store keeps nothing: {REASON}{harm(path)}"
        wait_until(lambda: stats(server)["faults"] == [reason], "an idle server has noticed it")
        seen = geartrain("doctor", "--server", server.address)
        assert (seen.status, f"it takes no jobs: {reason}" in seen.stdout) == (1, True)
        client = connect()
        assert refusal(client).decode() == reason.removeprefix("the store keeps nothing: ")
        done = geartrain("store", "reattach", "--server", server.address)
        assert (done.status, done.stdout) == (0, f"{server.address}: its jobs are in a new file\n")
        assert stats(server)["faults"] == []
        assert content(path) == before
        created, *handles = client.asks(SUBMIT_JOB_BG, b"f", b"", b"later")
        assert created == JOB_CREATED
        server.kill()
    assert [item for item in content(path) if item not in before] != []
    with on(path) as server:
        assert handles[0].decode() in server.ask("show jobs")
        assert server.ask("show jobs").count("H:test:") == 21
    asides = list(tmp_path.glob("jobs.db.aside-*"))
    assert bool([name for name in asides if not name.name.endswith("-wal")]) is (harm is replace)


@pytest.mark.parametrize("harm", [overwrite_log, overwrite_pages])
def test_all_that_is_in_memory_is_in_the_new_file_after_the_old_one_was_overwritten(
    harm: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    with on(path) as server, links_to(server) as connect:
        filled(connect, server)
        before = content(path)
        harm(path)
        wait_until(lambda: stats(server)["faults"] != [], "an idle server has noticed it")
        assert b"was damaged by another program" in refusal(connect())
        assert geartrain("store", "reattach", "--server", server.address).status == 0
        server.kill()
    assert content(path) == before


def test_of_a_file_that_was_cut_all_that_is_in_memory_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with on(path) as server, links_to(server) as connect:
        filled(connect, server)
        before = [item for item in content(path) if type(item).__name__ == "JobRecord"]
        server.stop()
    with on(path) as server, links_to(server) as connect:
        connect().submits(SUBMIT_JOB_BG, b"f", b"another")
        cut(path)
        wait_until(lambda: stats(server)["faults"] != [], "it has noticed it")
        assert geartrain("store", "reattach", "--server", server.address).status == 0
        server.kill()
    kept = content(path)
    assert [item for item in before if item not in kept] == []


@pytest.mark.parametrize("harm", [remove, replace])
def test_a_restart_writes_the_new_file_too(harm: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with on(path, "--workload-memory", "5000") as server, links_to(server) as connect:
        filled(connect, server)
        before = content(path)
        harm(path)
        assert server.stop() == 0
        assert "the store is written anew" in server.output()
    assert content(path) == before


def test_a_store_that_has_its_file_is_not_written_anew(tmp_path: Path) -> None:
    with on(tmp_path / "jobs.db") as server:
        asked = geartrain("store", "reattach", "--server", server.address)
        assert asked.status == 1
        assert "the store keeps jobs, so it has its file" in asked.stderr
    with geartrain_server("--store", "memory:") as server:
        asked = geartrain("store", "reattach", "--server", server.address)
        assert "this server keeps its jobs in no file of its own" in asked.stderr


def test_a_file_that_another_server_uses_is_not_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "jobs.db"
    with on(path) as server, links_to(server) as connect:
        connect().submits(SUBMIT_JOB_BG, b"f")
        for file in tmp_path.glob("jobs.db*"):
            file.unlink()
        with on(path) as other:
            wait_until(lambda: stats(server)["faults"] != [], "it has noticed it")
            asked = geartrain("store", "reattach", "--server", server.address)
            assert asked.status == 1
            assert f"another server uses what is at {path} now" in asked.stderr
            assert stats(other)["faults"] == []
        assert geartrain("store", "reattach", "--server", server.address).status == 0
    assert [type(item).__name__ for item in content(path)] == ["JobRecord"]
