"""``geartrain backup``."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.sync.client import Client
from tests.cli.program import geartrain
from tests.support.machine import wait_until
from tests.support.processes import ServerProgram, geartrain_server


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/jobs.db"


@pytest.fixture
def used(store: str) -> Iterator[ServerProgram]:
    """A server that uses the store."""
    with geartrain_server("--store", store) as server:
        yield server


class Submitter:
    """Submits jobs for as long as the block lasts; their handles."""

    def __init__(self, server: ServerProgram) -> None:
        self.server = server
        self.handles: list[str] = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        with Client(self.server.address) as client:
            while not self.ends.is_set():
                self.handles += client.submit_many("f", [b"x" * 200] * 50)

    def __enter__(self) -> Submitter:
        self.thread.start()
        wait_until(lambda: len(self.handles) > 2000, "2000 jobs are there")
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()
        self.thread.join()


def test_a_server_starts_from_a_backup_made_while_jobs_came(
    used: ServerProgram, store: str, tmp_path: Path
) -> None:
    with Submitter(used) as submitter:
        before = list(submitter.handles)
        (made,) = geartrain("backup", str(tmp_path / "copy.db"), "--store", store, "--json").rows
        assert made["jobs"] >= len(before)
        assert made["bytes"] == os.path.getsize(tmp_path / "copy.db")
        count = len(submitter.handles)
        wait_until(lambda: len(submitter.handles) > count, "the server goes on")
    assert [name for name in os.listdir(tmp_path) if "copy" in name] == ["copy.db"]
    with (
        geartrain_server("--store", f"sqlite:{tmp_path}/copy.db") as second,
        Client(second.address) as client,
    ):
        statuses = client.job_statuses(before)
        assert all(status.known for status in statuses.values())
        (row,) = geartrain("functions", "--json", "--server", second.address).rows
        assert row["queued"]["normal"] == made["jobs"]
        # Jobs that came after the backup are not in it, and their numbers are not those of new jobs.
        assert client.do_background("f", b"new") not in submitter.handles


def test_a_file_that_is_there_is_replaced_by_force_only(
    used: ServerProgram, store: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    refused = geartrain("backup", str(copy), "--store", store)
    assert (refused.status, refused.stderr) == (
        2,
        f"geartrain: {copy} is there already, a new file is expected (--force replaces it)\n",
    )
    assert copy.read_text() == "mine"
    made = geartrain("backup", str(copy), "--store", store, "--force")
    assert made.stdout == f"{copy}: 0 jobs, {copy.stat().st_size} bytes\n"


def test_a_store_in_use_is_never_replaced(used: ServerProgram, store: str, tmp_path: Path) -> None:
    refused = geartrain("backup", f"{tmp_path}/jobs.db", "--store", store, "--force")
    assert refused.status == 2
    assert "is the store itself" in refused.stderr
    geartrain("backup", f"{tmp_path}/copy.db", "--store", store)
    refused = geartrain("backup", f"{tmp_path}/jobs.db", "--store", f"sqlite:{tmp_path}/copy.db", "--force")
    assert refused.status == 2
    assert f"is in use by a server, process {used.pid}" in refused.stderr


@pytest.mark.parametrize(
    ("url", "status", "message"),
    [
        ("sqlite:/no/such/file", 1, "cannot read /no/such/file: No such file or directory"),
        ("memory:", 2, "the store 'memory:' is no file, sqlite:PATH is expected"),
        ("sqlite:/etc/passwd", 1, "cannot read /etc/passwd: file is not a database"),
    ],
)
def test_what_is_no_store_is_said(url: str, status: int, message: str, tmp_path: Path) -> None:
    refused = geartrain("backup", str(tmp_path / "copy.db"), "--store", url)
    assert (refused.status, refused.stderr) == (status, f"geartrain: {message}\n")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_said(used: ServerProgram, store: str, tmp_path: Path) -> None:
    refused = geartrain("backup", f"{tmp_path}/none/copy.db", "--store", store)
    assert refused.status == 1
    assert refused.stderr == f"geartrain: cannot write {tmp_path}/none/copy.db: No such file or directory\n"
