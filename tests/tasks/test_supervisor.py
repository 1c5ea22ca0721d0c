"""``geartrain worker module:app``: real processes that work for a real server."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import geartrain
from geartrain import App, JobException, Queued
from tests.support.machine import wait_until
from tests.support.processes import Program, ServerProgram, geartrain_server

SHOP = '''
import asyncio, os, time
from pathlib import Path
from geartrain import App, RetryPolicy

app = App()
kept = []

def meet(mine: str, other: str) -> int:
    """Ends when another job has come to the same place."""
    Path(mine).touch()
    while not Path(other).exists():
        time.sleep(0.01)
    return os.getpid()

threaded = app.task(name="meet")(meet)

@app.task
async def ameet(mine: str, other: str) -> int:
    Path(mine).touch()
    while not Path(other).exists():
        await asyncio.sleep(0.01)
    return os.getpid()

@app.task
def pid() -> int:
    return os.getpid()

@app.task
def grow(size: int) -> int:
    kept.append(b"x" * size)
    return os.getpid()

@app.task
def die_once(grave: str) -> int:
    if not Path(grave).exists():
        Path(grave).touch()
        os.kill(os.getpid(), 9)
    return os.getpid()

@app.task(retry=RetryPolicy(3))
def die(graves: str) -> int:
    with open(graves, "a") as file:
        file.write("x")
    os.kill(os.getpid(), 9)
    return 0

@app.task
def version() -> int:
    return 1
'''

callers = App()  # the same tasks, as a client's own code declares them


@callers.task
def meet(mine: str, other: str) -> int:
    raise NotImplementedError


@callers.task
async def ameet(mine: str, other: str) -> int:
    raise NotImplementedError


@callers.task
def pid() -> int:
    raise NotImplementedError


@callers.task
def grow(size: int) -> int:
    raise NotImplementedError


@callers.task
def die_once(grave: str) -> int:
    raise NotImplementedError


@callers.task
def die(graves: str) -> int:
    raise NotImplementedError


@callers.task
def version() -> int:
    raise NotImplementedError


@pytest.fixture
def server() -> Iterator[ServerProgram]:
    """A server that the callers above talk to."""
    with geartrain_server() as server:
        callers.own_pool.servers = server.address
        with callers:
            yield server


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with the application."""
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


def program(folder: Path, server: ServerProgram, *command: str) -> Program:
    """A program in a folder, with the tree under test."""
    environment = {
        "PYTHONPATH": str(Path(geartrain.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",  # two versions of a file within a second must both be read
        "GEARMAN_SERVERS": server.address,
    }
    return Program(
        "sh", "-c", 'cd "$1" && shift && exec "$@"', "sh", str(folder), *command, environment=environment
    )


def worker(folder: Path, server: ServerProgram, options: str = "") -> Program:
    """The supervisor with some options, as the command line calls it."""
    run = f"from geartrain.tasks.supervisor import run; run('shop:app', {options})"
    return program(folder, server, sys.executable, "-c", run)


def is_running(job: Queued[int]) -> bool:
    return job.status().running


def is_queued_again(job: Queued[int]) -> bool:
    return job.status().known and not job.status().running


def workers(server: ServerProgram, function: str) -> int:
    """How many workers a function has."""
    for line in server.ask("status").splitlines():
        if line.startswith(f"{function}\t"):
            return int(line.split("\t")[3])
    return 0


def changes(value: Callable[[], int]) -> None:
    """Wait until a task's result is another one."""
    before = value()
    wait_until(lambda: value() != before, "the result changes")


def test_jobs_run_in_several_processes_at_once(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server, "processes=2"):
        here, there = str(shop / "here"), str(shop / "there")
        jobs = [meet.submit(here, there), meet.submit(there, here)]
        assert len({job.result() for job in jobs}) == 2


def test_a_process_runs_several_jobs_at_once(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server, "concurrency=2"):
        here, there = str(shop / "here"), str(shop / "there")
        jobs = [meet.submit(here, there), ameet.submit(there, here)]
        assert len({job.result() for job in jobs}) == 1


def test_sigterm_lets_running_jobs_end_and_a_second_one_does_not(shop: Path, server: ServerProgram) -> None:
    mine, other = str(shop / "mine"), shop / "other"
    with worker(shop, server) as stopped:
        job = meet.submit(mine, str(other))
        wait_until(Path(mine).exists, "the job runs")
        stopped.process.send_signal(signal.SIGTERM)
        stopped.wait_for_output("running jobs have 10 s")
        other.touch()
        assert job.result() > 0
        assert stopped.wait() == 0
    other.unlink()
    with worker(shop, server) as stopped:
        given_back = meet.enqueue(mine, str(other))
        wait_until(lambda: is_running(given_back), "the job runs")
        stopped.process.send_signal(signal.SIGINT)
        stopped.wait_for_output("running jobs have 10 s")
        stopped.process.send_signal(signal.SIGTERM)
        assert stopped.wait() == 0
    wait_until(lambda: is_queued_again(given_back), "the server has the job again")


def test_the_end_of_the_grace_gives_jobs_back(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server, "grace=0.1") as stopped:
        given_back = meet.enqueue(str(shop / "mine"), str(shop / "other"))
        wait_until(lambda: is_running(given_back), "the job runs")
        assert stopped.stop() == 0
    wait_until(lambda: is_queued_again(given_back), "the server has the job again")


@pytest.mark.parametrize("limit", ["max_jobs=1", "max_lifetime=0.5"])
def test_a_process_that_has_done_its_time_is_replaced(shop: Path, server: ServerProgram, limit: str) -> None:
    with worker(shop, server, limit):
        changes(pid.call)


def test_a_process_that_has_grown_too_large_is_replaced(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server, "max_rss=200_000_000"):
        first = pid.call()
        assert first == grow.call(200_000_000)
        wait_until(lambda: pid.call() != first, "there is a new process")


def test_a_process_that_dies_is_replaced_and_its_job_runs_again(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server) as supervisor:
        assert die_once.call(str(shop / "grave")) > 0
        assert re.search(
            r"killed by SIGKILL, while it ran job \S+ of die_once \(attempt 1, \d+\.\d s\); "
            r"the next one starts in 0\.5 s",
            supervisor.output(),
        )


def test_a_task_that_kills_its_worker_runs_as_often_as_its_policy_says(
    shop: Path, server: ServerProgram
) -> None:
    graves = shop / "graves"
    with worker(shop, server, "processes=3"):
        with pytest.raises(JobException, match=r"die gave up after 3 attempts .* the worker was lost"):
            die.call(str(graves))
        assert graves.read_text() == "xxx"


def test_sighup_brings_new_code_without_a_gap(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server) as supervisor:
        assert version.call() == 1
        (shop / "shop.py").write_text("oh no")
        supervisor.process.send_signal(signal.SIGHUP)
        supervisor.wait_for_output("SyntaxError")
        assert version.call() == 1
        (shop / "shop.py").write_text(SHOP.replace("return 1", "return 2"))
        supervisor.process.send_signal(signal.SIGHUP)
        wait_until(lambda: version.call() == 2, "the new code runs")


def test_reload_waits_for_code_that_works_and_takes_up_every_change(
    shop: Path, server: ServerProgram
) -> None:
    (shop / "shop.py").write_text("import nothing_of_the_kind")
    with worker(shop, server, "reload=True") as supervisor:
        supervisor.wait_for_output("waiting for a change")
        (shop / "shop.py").write_text(SHOP)
        assert version.call() == 1
        (shop / "shop.py").write_text(SHOP.replace("return 1", "return 2"))
        wait_until(lambda: version.call() == 2, "the new code runs")


def test_processes_leave_when_their_supervisor_is_killed(shop: Path, server: ServerProgram) -> None:
    with worker(shop, server) as supervisor:
        pid.call()
        supervisor.kill()
    wait_until(lambda: workers(server, "pid") == 0, "the process has left")


def test_an_app_that_cannot_be_imported_is_one_line(shop: Path, server: ServerProgram) -> None:
    with program(shop, server, sys.executable, "-m", "geartrain", "worker", "shop:nothing") as ended:
        assert ended.wait() == 2
        (line,) = ended.output().splitlines()
    assert line == (
        f"geartrain: 'shop:nothing': expected an App, found nothing of that name in {os.path.realpath(shop)}/shop.py"
    )
