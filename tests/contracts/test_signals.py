"""How a signal ends a worker, blocking or asyncio: its job is finished first."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from geartrain import Client, SettingsError
from tests.contracts.shells import Shell
from tests.support.machine import wait_until
from tests.support.processes import Program, ServerProgram
from tests.support.waiting_workers import ASGI, ASYNC, BLOCKING, EMBEDDED

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


@pytest.mark.parametrize("shell", ["sync", "aio"])
def test_a_handler_that_the_program_had_is_called_too(server: ServerProgram, shell: str) -> None:
    with (
        Client(server.address) as client,
        Program(sys.executable, "-c", EMBEDDED, shell, server.address, "handled") as worker,
    ):
        job = client.submit("wait")
        wait_until(lambda: client.job_status(job.handle).numerator == 1, "the job runs")
        worker.process.send_signal(signal.SIGTERM)
        assert job.result(10) == b""
        assert worker.wait() == 0
        assert worker.output() == "heard SIGTERM\nleft\n"


@pytest.mark.parametrize("shell", ["sync", "aio"])
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 7), (signal.SIGINT, -signal.SIGINT)])
def test_signals_that_are_left_alone_do_what_they_did(
    server: ServerProgram, shell: str, number: signal.Signals, status: int
) -> None:
    with (
        Client(server.address) as client,
        Program(sys.executable, "-c", EMBEDDED, shell, server.address, "unhandled") as worker,
    ):
        assert "KeyboardInterrupt" in str(client.submit("wait", "raises").exception(10))  # of its own
        handle = client.do_background("wait")
        wait_until(lambda: client.job_status(handle).numerator == 1, "the job runs")
        worker.process.send_signal(number)
        assert worker.wait() == status
        assert "left" not in worker.output()
        wait_until(lambda: client.job_status(handle) == (True, False, 0, 0), "the job is queued again")


def test_a_worker_inside_of_a_web_application_leaves_the_signal_to_its_server(server: ServerProgram) -> None:
    with Program(sys.executable, "-c", ASGI, server.address) as site:
        site.wait_for_output("startup complete")
        site.process.send_signal(signal.SIGTERM)
        assert site.wait() in (0, -signal.SIGTERM)
        assert "Application shutdown complete" in site.output()
        assert "left" in site.output()


def test_only_the_main_thread_handles_signals(shell: Shell, server: ServerProgram) -> None:
    worker = shell.worker(server.address, timeout=0.01)
    with pytest.raises(SettingsError, match="handle_signals True: expected False or None outside"):
        in_thread(lambda: worker.run(handle_signals=True))


def in_thread(call: Callable[[], object]) -> None:
    """Call in another thread; raises what the call raises."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(call).result()
