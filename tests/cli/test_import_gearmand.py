"""``geartrain import-gearmand``: the queues of real gearmands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from geartrain.jobs import WorkerJob
from geartrain.protocol.commands import SUBMIT_JOB_BG
from geartrain.protocol.packet import request
from geartrain.protocol.submission import Priority
from geartrain.sync.client import Client
from geartrain.sync.worker import Worker
from tests.cli.program import Outcome, geartrain
from tests.support.databases import mariadb, postgresql
from tests.support.machine import DEADLINE
from tests.support.processes import ServerProgram, gearmand, geartrain_server

BINARY = bytes(range(256)) * 4
FAR = datetime(2035, 1, 1, tzinfo=UTC)

SUBMITTED = {
    ("", "f", "normal", b"alone", None),
    ("u1", "f", "normal", BINARY, None),
    ("u2", "f", "high", b"first", None),
    ("u3", "größe", "low", b"last", None),
    ("u4", "f", "normal", b"later", FAR.timestamp()),
    ("u5", "f", "normal", b"", None),
}


def submit(server: ServerProgram) -> None:
    """Submit these jobs."""
    with Client(server.address) as client:
        client.do_background("f", "alone", unique=b"")
        client.do_background("f", BINARY, unique="u1")
        client.do_background("f", "first", unique="u2", priority=Priority.HIGH)
        client.do_background("größe", "last", unique="u3", priority=Priority.LOW)
        client.do_background("f", "later", unique="u4", at=FAR)
        client.do_background("f", "", unique="u5")


def exported(store: str) -> set[Any]:
    """The jobs of a store, as they were submitted."""
    return {
        (row["unique"], row["function"], row["priority"], workload_of(row), row["run_at"])
        for row in geartrain("export", "--store", store).rows
    }


def workload_of(row: Any) -> bytes:
    return BINARY if "workload_base64" in row else row["workload"].encode()


@pytest.fixture(scope="module")
def queue(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The file that a gearmand -q libsqlite3 leaves behind, with the jobs and an odd one."""
    path = str(tmp_path_factory.mktemp("gearmand") / "queue.db")
    with gearmand("-q", "libsqlite3", "--libsqlite3-db", path) as server:
        submit(server)
        with server.connect() as raw:
            raw.sendall(request(SUBMIT_JOB_BG, b"f\xff", b"\xe4", b"odd"))
            assert raw.recv(100)
    return path


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/jobs.db"


def test_every_job_of_libsqlite3_comes_into_the_store(queue: str, store: str, tmp_path: Path) -> None:
    taken = geartrain("import-gearmand", queue, "--store", store)
    assert (taken.status, taken.stdout) == (0, f"{tmp_path}/jobs.db: 7 jobs imported\n")
    rows = geartrain("export", "--store", store).rows
    (odd,) = [row for row in rows if "function_base64" in row]
    assert (odd["function_base64"], odd["unique_base64"], odd["workload"]) == ("Zv8=", "5A==", "odd")
    assert {row.get("unique") for row in rows} == {"", "u1", "u2", "u3", "u4", "u5", None}


def test_a_second_time_only_jobs_that_are_like_no_other_come_again(queue: str, store: str) -> None:
    geartrain("import-gearmand", queue, "--store", store)
    (again,) = geartrain("import-gearmand", queue, "--store", store, "--json").rows
    assert (again["jobs"], again["skipped"]) == (1, 6)


def worked(server: ServerProgram) -> Iterator[bytes]:
    """The workloads that a worker gets, until there is nothing to do."""
    with Worker(server.address) as worker:
        worker.register("f")
        worker.register("größe")
        while isinstance(job := worker.grab(0.5), WorkerJob):
            yield job.workload
            job.complete()


def test_a_server_goes_on_with_them_by_priority(queue: str, store: str) -> None:
    geartrain("import-gearmand", queue, "--store", store)
    with geartrain_server("--store", store) as server:
        assert list(worked(server)) == [b"first", b"alone", BINARY, b"", b"last"]


def test_a_running_server_takes_them_as_submits(queue: str) -> None:
    with geartrain_server() as server:
        taken = geartrain("import-gearmand", queue, "--server", server.address)
        assert (taken.status, taken.stdout) == (0, f"{server.address}: 7 jobs submitted\n")
        assert list(worked(server)) == [b"first", b"alone", BINARY, b"", b"last"]
        assert "f\\xff" in server.ask("functions").replace("\\\\", "\\")


def test_a_file_that_is_not_gearmands_is_refused_and_no_store_is_made(store: str, tmp_path: Path) -> None:
    with geartrain_server("--store", store):
        pass
    refused = geartrain("import-gearmand", f"{tmp_path}/jobs.db", "--store", f"sqlite:{tmp_path}/new/jobs.db")
    assert refused.status == 1
    assert not (tmp_path / "new").exists()
    assert "a table gearman_queue or queue is expected, there are: dead, document, job" in refused.stderr


def came_from(source: str, store: str) -> Outcome:
    return geartrain("import-gearmand", source, "--store", store)


def test_every_job_in_postgresql_comes_into_the_store(store: str) -> None:
    with postgresql() as database:
        where = f"host=127.0.0.1 port={database.port} user={database.user} dbname={database.name}"
        with gearmand("-q", "Postgres", "--libpq-conninfo", where) as server:
            submit(server)
        assert came_from(database.url, store).stderr == ""
    assert exported(store) == SUBMITTED


def test_every_job_in_mysql_comes_into_the_store(store: str) -> None:
    with mariadb() as database:
        options = {"host": "127.0.0.1", "port": database.port, "user": database.user, "db": database.name}
        words = [word for name, value in options.items() for word in (f"--mysql-{name}", str(value))]
        with gearmand("-q", "MySQL", *words) as server:
            submit(server)
        assert came_from(database.url, store).stderr == ""
    assert exported(store) == SUBMITTED


def test_without_sqlalchemy_a_url_says_what_to_install(store: str) -> None:
    hidden = (
        "import sys; sys.modules['sqlalchemy'] = None;"
        f"sys.argv[1:] = ['import-gearmand', 'mysql+pymysql://me:secret@h/d', '--store', '{store}'];"
        "from geartrain.cli.main import main; main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", hidden], capture_output=True, text=True, timeout=DEADLINE, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        "geartrain: mysql+pymysql://me@h/d needs SQLAlchemy: pip install 'geartrain[import]'\n"
    )
