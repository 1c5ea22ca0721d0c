"""Every load, program and row of the benchmark does what it says, on a few jobs: its numbers are for ``make bench``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import library_rows
from bench.depth_rows import CROWD, DEPTH, MEMORY
from bench.durable_rows import DURABILITY
from bench.load import ROOT, finish, lasting_load, load, start, start_load
from bench.process import folder_on_disk
from bench.programs import blocking, with_asyncio
from bench.results import chosen, measure
from bench.row import Contestants, NotMeasured, Row
from bench.sample import Sample
from bench.servers import Server
from geartrain.sync.admin import Admin
from tests.support.machine import missing

JOBS = 100
TINY = 0.002


@pytest.fixture(scope="module")
def job_server() -> Iterator[Server]:
    """Our server as the benchmark starts it."""
    with Server("geartrain") as running:
        yield running


def jobs_of(server: Server) -> int:
    """How many jobs the server has, queued or running."""
    with Admin(f"127.0.0.1:{server.port}") as admin:
        return sum(function.total for function in admin.status())


@pytest.mark.parametrize("numbers", [{}, {"unique": 1}, {"window": 7, "payload": 10_000}])
def test_a_load_queues_jobs_and_another_does_them(job_server: Server, numbers: dict[str, int]) -> None:
    queued = load(job_server, "submit", jobs=JOBS, clients=3, **numbers)
    assert queued.rate
    # None where all was done before the system had counted any of the server's time: so few jobs take a millisecond.
    assert queued.cpu_rate is None or queued.cpu_rate > 0
    assert queued.p99
    assert jobs_of(job_server) == JOBS
    done = load(job_server, "work", jobs=JOBS, workers=3)
    assert done.rate
    assert done.p99 is None
    assert jobs_of(job_server) == 0


def test_a_load_of_workers_leaves_what_is_queued_beyond_its_jobs(job_server: Server) -> None:
    load(job_server, "submit", jobs=JOBS, clients=1)
    load(job_server, "work", jobs=JOBS - 10, workers=7)
    assert jobs_of(job_server) == 10
    load(job_server, "work", jobs=10, workers=1)
    assert jobs_of(job_server) == 0


@pytest.mark.parametrize("scenario", ["echo", "both", "call"])
def test_a_load_of_clients_and_workers_ends_with_its_last_job(job_server: Server, scenario: str) -> None:
    sample = load(job_server, scenario, jobs=JOBS, clients=3, window=2, workers=2, idle=2)
    assert sample.rate
    assert sample.p50
    assert jobs_of(job_server) == 0


def test_a_load_that_the_server_refuses_fails(job_server: Server) -> None:
    with Admin(f"127.0.0.1:{job_server.port}") as admin:
        admin.max_queue("bench", 1)
        try:
            with pytest.raises(SystemExit, match="the server sent: ERROR"):
                load(job_server, "submit", jobs=JOBS, clients=1)
            load(job_server, "work", jobs=1, workers=1)
        finally:
            admin.max_queue("bench")


def test_a_lasting_load_goes_on_beside_others_with_a_function_of_its_own() -> None:
    with Server("geartrain") as server, Admin(f"127.0.0.1:{server.port}") as admin:
        with lasting_load(server, "submit", clients=2, function=1):
            load(server, "submit", jobs=JOBS, clients=1)
            load(server, "work", jobs=JOBS, workers=1)
        assert {row.function: row.total > 0 for row in admin.status()} == {"bench": False, "bench-1": True}


def test_a_lasting_load_that_the_server_refuses_ends_the_run() -> None:
    with Server("geartrain") as server, Admin(f"127.0.0.1:{server.port}") as admin:
        admin.max_queue("bench", 1)
        with (
            pytest.raises(SystemExit, match="lasting load on geartrain failed: load: the server sent: ERROR"),
            lasting_load(server, "submit", clients=2) as lasting,
        ):
            lasting.wait()


def test_a_job_is_not_acknowledged_before_a_slow_disk_has_it() -> None:
    with folder_on_disk() as folder, Server("geartrain", folder, slow_disk=True) as server:
        sample = load(server, "submit", jobs=3, clients=1)
    assert sample.p50
    assert sample.p50 >= 0.01


PROGRAMS: dict[str, Iterable[str]] = {
    "blocking": blocking.OPERATIONS,
    "asyncio": with_asyncio.OPERATIONS,
    "gear": ("background", "call", "work"),
    "PHP": ("background", "call", "work"),
}


@pytest.mark.parametrize("library", PROGRAMS)
def test_a_librarys_program_does_its_jobs_and_says_how_fast(job_server: Server, library: str) -> None:
    programs = library_rows.OURS | library_rows.others()
    if library not in programs:
        missing(f"the library {library}")
    for operation in PROGRAMS[library]:
        sample = run_program(job_server, programs[library], operation)
        assert sample.rate, operation
        assert sample.cpu_rate, operation
        assert (sample.p50 is not None) == (operation in ("background", "call")), operation
        assert jobs_of(job_server) == 0, operation


def run_program(server: Server, program: tuple[str, ...], operation: str) -> Sample:
    """Have a program do an operation, and the load generator the other side of it."""
    if operation.startswith("work"):
        load(server, "submit", jobs=JOBS, clients=1)
        return finish(start(*program, operation, str(server.port), str(JOBS)), operation)
    workers = start_load(server, "work", jobs=JOBS, workers=2)
    sample = finish(start(*program, operation, str(server.port), str(JOBS)), operation)
    finish(workers, "the workers")
    return sample


SERVERS = DEPTH.rows + MEMORY.rows + CROWD.rows + DURABILITY.rows


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: str(row.name))
def test_a_row_measures_its_contestants(row: Row) -> None:
    result = measure(row._replace(turns=1), 1, TINY)
    assert result.samples
    assert all(len(samples) == 1 for samples in result.samples.values())


def test_rows_are_chosen_by_their_names_or_by_that_of_their_group() -> None:
    groups = chosen((DEPTH, MEMORY, CROWD), ["depth-work", "crowd"])
    assert [(group.title, [row.name for row in group.rows]) for group in groups] == [
        ("Depth", ["depth-work"]),
        ("Crowd", ["crowd"]),
    ]
    assert chosen((DEPTH, MEMORY), ["depth"]) == [DEPTH]


def test_a_row_that_the_machine_cannot_do_says_why() -> None:
    def contestants(scale: float, stack: ExitStack) -> Contestants:
        raise NotMeasured("too few files")

    assert measure(Row("", "", contestants), 1, TINY).reason == "too few files"


def test_the_command_prints_tables_and_writes_json_and_a_plot(tmp_path: Path) -> None:
    rows, plot = tmp_path / "rows.json", tmp_path / "plot.svg"
    options = ("--only", "submit", "--only", "background", "--rounds", "1", "--scale", str(TINY))
    command = (sys.executable, "-m", "bench", *options, "--json", str(rows), "--plot", str(plot))
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "### Server" in output
    assert "| geartrain " in output
    assert "### Promises" in output
    written = json.loads(rows.read_text())
    assert written["rows"]["submit"]["geartrain"]["median"]["rate"] > 0
    assert len(written["rows"]["background"]["blocking"]["samples"]) == 1
    assert plot.read_text().startswith("<?xml")
