"""The C command line tool ``gearman``, unchanged, as client and as worker over our server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from geartrain.errors import Fail, JobFailed
from geartrain.jobs import WorkerJob
from geartrain.sync.client import Client
from tests.interop.conftest import Work
from tests.support.machine import HOST, require, wait_until
from tests.support.processes import Program, ServerProgram

BINARY = bytes(range(256)) * 5000
Gearman = Callable[..., Program]


@pytest.fixture
def gearman(shared_server: ServerProgram, function: str) -> Iterator[Gearman]:
    """Start ``gearman`` for the test's function: ``gearman("-b", stdin=b"workload")``."""
    command = (require("gearman"), "-h", HOST, "-p", str(shared_server.port), "-f", function)
    running: list[Program] = []

    def run(*options: str, stdin: bytes = b"") -> Program:
        program = Program(*command, *options, stdin=stdin)
        running.append(program)
        return program

    yield run
    for program in running:
        program.kill()


def test_it_prints_the_result_of_a_foreground_job(gearman: Gearman, work: Work, function: str) -> None:
    work(function, lambda job: job.workload[::-1])
    program = gearman(stdin=b"this is a test")
    assert program.wait() == 0
    assert program.output() == "tset a si siht"


def test_it_carries_a_large_binary_workload_and_result(gearman: Gearman, work: Work, function: str) -> None:
    work(function, lambda job: job.workload[::-1])
    program = gearman(stdin=BINARY)
    assert program.wait() == 0
    assert program.written() == BINARY[::-1]


def test_it_prints_data_warnings_and_the_status_in_percent(
    gearman: Gearman, work: Work, function: str
) -> None:
    def events(job: WorkerJob) -> bytes:
        job.send_data(b"one ")
        job.send_warning(b"careful ")
        job.send_status(1, 2)
        return b"done"

    work(function, events)
    program = gearman(stdin=b"x")
    assert program.wait() == 0
    for part in ("one ", "careful", "50% Complete", "done"):
        assert part in program.output()


def test_it_ends_with_1_when_the_job_fails(gearman: Gearman, work: Work, function: str) -> None:
    def fail(job: WorkerJob) -> bytes:
        raise Fail

    work(function, fail)
    program = gearman(stdin=b"x")
    assert program.wait() == 1
    assert "Job failed" in program.output()


def test_its_background_jobs_wait_by_priority_and_join_by_unique(
    gearman: Gearman, work: Work, function: str
) -> None:
    for options in (("-L",), (), ("-I",), ("-u", "same"), ("-u", "same")):
        assert gearman("-b", *options, stdin="".join(options).encode() or b"normal").wait() == 0
    order: list[bytes] = []
    work(function, lambda job: order.append(job.workload))
    wait_until(lambda: len(order) == 4, "the four jobs have run")
    assert order == [b"-I", b"normal", b"-usame", b"-L"]


def test_it_works_with_a_command_and_sleeps_between_jobs(
    gearman: Gearman, client: Client, function: str
) -> None:
    waiting = client.do_background(function, b"waited")
    gearman("-w", "--", "tr", "a-z", "A-Z")
    wait_until(lambda: client.job_status(waiting).done, "the queued job is done")
    assert client.do(function, b"this is a test") == b"THIS IS A TEST"
    assert client.do(function, b"and one more") == b"AND ONE MORE"


def test_its_command_gets_and_gives_what_is_large_and_binary(
    gearman: Gearman, client: Client, function: str
) -> None:
    # The tool writes all of the workload before it reads, so a command that answers meanwhile would block it.
    gearman("-w", "--", "sh", "-c", "sha256sum; head -c 1250000 /dev/zero")
    result = client.do(function, BINARY)
    assert result == sha256(BINARY).hexdigest().encode() + b"  -\n" + bytes(1_250_000)


def test_its_command_fails_the_job_by_its_exit_status(
    gearman: Gearman, client: Client, function: str
) -> None:
    gearman("-w", "--", "false")
    with pytest.raises(JobFailed):
        client.do(function, b"x")


def test_its_job_goes_to_another_worker_when_it_is_killed(
    gearman: Gearman, client: Client, work: Work, function: str
) -> None:
    # The command ends by itself when the worker that started it is gone.
    worker = gearman("-w", "--", "sh", "-c", "exec tail -f /dev/null --pid=$PPID")
    handle = client.do_background(function, b"x")
    wait_until(lambda: client.job_status(handle).running, "the job runs")
    worker.kill()
    work(function, lambda job: b"taken over")
    wait_until(lambda: client.job_status(handle).done, "the job is done")
