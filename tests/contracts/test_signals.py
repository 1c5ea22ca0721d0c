"""How a signal ends a worker, blocking or asyncio: its job is finished first."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from geartrain import Client
from tests.support.machine import wait_until
from tests.support.processes import Program, ServerProgram
from tests.support.waiting_workers import ASYNC, BLOCKING

PROGRAMS = pytest.mark.parametrize("source", [BLOCKING, ASYNC], ids=["sync", "aio"])


@PROGRAMS
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_after_its_job(
    server: ServerProgram, tmp_path: Path, source: str, number: signal.Signals
) -> None:
    end = tmp_path / "end"
    with (
        Client(server.address) as client,
        Program(sys.executable, "-c", source, server.address, str(end)) as worker,
    ):
        job = client.submit("wait")
        wait_until(lambda: client.job_status(job.handle).numerator == 1, "the job runs")
        worker.process.send_signal(number)
        assert worker.running()
        end.touch()
        assert job.result(10) == b"finished"
        wait_until(lambda: not worker.running(), "the worker ends")
        assert worker.process.returncode == 0
        assert worker.output() == "left\n"
    assert "wait\t0\t0\t0" in server.ask("status")


@PROGRAMS
def test_a_signal_ends_an_idle_worker(server: ServerProgram, tmp_path: Path, source: str) -> None:
    with Program(sys.executable, "-c", source, server.address, str(tmp_path / "end")) as worker:
        wait_until(lambda: "wait\t0\t0\t1" in server.ask("status"), "the worker is there")
        assert worker.stop() == 0
        assert worker.output() == "left\n"


@PROGRAMS
def test_a_second_signal_does_not_wait_for_the_job(
    server: ServerProgram, tmp_path: Path, source: str
) -> None:
    with Client(server.address) as client:
        with Program(sys.executable, "-c", source, server.address, str(tmp_path / "end")) as worker:
            handle = client.do_background("wait")
            wait_until(lambda: client.job_status(handle).numerator == 1, "the job runs")
            worker.process.send_signal(signal.SIGTERM)
            wait_until(lambda: ended_by_another(worker, signal.SIGTERM), "the worker ends")
            assert worker.process.returncode == -signal.SIGTERM
        wait_until(lambda: client.job_status(handle) == (True, False, 0, 0), "the job is queued again")


def ended_by_another(worker: Program, number: signal.Signals) -> bool:
    """Send a signal again: two that come at once are one."""
    worker.process.send_signal(number)
    return not worker.running()
