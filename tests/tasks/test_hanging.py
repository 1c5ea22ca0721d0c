"""What becomes of processes whose functions hang, die, or never begin: real processes, and a real server."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import geartrain
from geartrain import App, Client, Task
from tests.support.machine import require, wait_until
from tests.support.processes import Program, ServerProgram, geartrain_server

CODE = """
import asyncio, multiprocessing, os, signal, subprocess, sys, time
from pathlib import Path
from geartrain import App

app = App()

@app.task(timeout=1)
def hang(file: str) -> None:
    subprocess.Popen(["sh", "-c", f"echo $$ > {file}; exec sleep 300"]).wait()

@app.task(timeout=1)
async def ahang(file: str) -> None:
    Path(file).touch()
    time.sleep(300)

@app.task
def unlimited(file: str) -> None:
    Path(file).touch()
    time.sleep(300)

@app.task
def until(file: str) -> int:
    while not Path(file).exists():
        time.sleep(0.01)
    return os.getpid()

@app.task
def pid() -> int:
    return os.getpid()

@app.task
def die(file: str, how: int) -> int:
    if Path(file).exists():
        return os.getpid()
    Path(file).touch()
    if how:
        os.kill(os.getpid(), how)
        time.sleep(10)
    os._exit(0)

@app.task
async def child_leaves() -> int:
    async def leave() -> None:
        sys.exit(3)
    await asyncio.create_task(leave())
    return 0

@app.task
def forks(file: str) -> None:
    if not Path(file).exists():
        helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(300,))
        helper.start()
        Path(file).write_text(f"{helper.pid}\\n")
        os.kill(os.getpid(), 9)

@app.task
async def stops_the_loop() -> int:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.01)
    return os.getpid()

@app.task
async def apid() -> int:
    return os.getpid()
"""

callers = App()


@callers.task
def hang(file: str) -> None: ...


@callers.task
async def ahang(file: str) -> None: ...


@callers.task
def unlimited(file: str) -> None: ...


@callers.task
def until(file: str) -> int:
    raise NotImplementedError


@callers.task
def pid() -> int:
    raise NotImplementedError


@callers.task
def die(file: str, how: int) -> int:
    raise NotImplementedError


@callers.task
def child_leaves() -> int:
    raise NotImplementedError


@callers.task
def forks(file: str) -> None: ...


@callers.task
def stops_the_loop() -> int:
    raise NotImplementedError


@callers.task
def apid() -> int:
    raise NotImplementedError


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    """A server for all tests here."""
    with geartrain_server() as server:
        callers.own_pool.servers = server.address
        with callers:
            yield server


@pytest.fixture
def folder(tmp_path: Path, server: ServerProgram) -> Iterator[Path]:
    """A folder with the application; what a test left in the queues is gone at its end."""
    (tmp_path / "hung.py").write_text(CODE)
    yield tmp_path
    for function in callers.definitions:
        server.ask(f"purge {function}")


def worker(folder: Path, server: ServerProgram, options: str = "", *before: str) -> Program:
    """The supervisor with some options; ``before`` is a command that starts it."""
    environment = {
        "PYTHONPATH": str(Path(geartrain.__file__).parent.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "GEARMAN_SERVERS": server.address,
    }
    run = f"from geartrain.tasks.supervisor import run; run('hung:app', {options})"
    return Program(*before, sys.executable, "-c", run, environment=environment, folder=folder)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def number_in(file: Path) -> int:
    """The number in a file, once it is there."""
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), f"{file.name} is written")
    return int(file.read_text())


def test_a_function_that_goes_on_after_its_time_ends_with_its_process_and_what_it_started(
    folder: Path, server: ServerProgram
) -> None:
    with Client(server.address) as client, worker(folder, server, "kill_after=0.3") as supervisor:
        first = pid.call()
        handle = hang.enqueue(str(folder / "started")).handle
        helper = number_in(folder / "started")
        supervisor.wait_for_output("is replaced")
        assert client.cancel(handle)
        assert pid.call() != first
        wait_until(lambda: not is_alive(first) and not is_alive(helper), "both processes are gone")
        assert re.search(
            rf"job {handle} of hang \(attempt 1, \d\.\d s\) is over its time limit, and still runs 0\.3 s after that: "
            rf"process {first} takes no new jobs and is replaced\n",
            supervisor.output(),
        )


@pytest.mark.parametrize("task", [hang, ahang])
def test_one_hanging_job_never_takes_all_processes(
    folder: Path, server: ServerProgram, task: Task[[str], None]
) -> None:
    """The job hangs in one process after the other, and each of them is given some time."""
    with (
        Client(server.address) as client,
        worker(folder, server, "processes=2, kill_after=1.5") as supervisor,
    ):
        pid.call()
        handle = task.enqueue(str(folder / "x")).handle
        wait_until(lambda: supervisor.has_written("hung:app: ", 4), "two more processes have started")
        for _ in range(10):
            assert pid.options(timeout=10).call() > 0
        assert client.cancel(handle)


def test_the_other_jobs_of_a_process_that_hangs_may_end(folder: Path, server: ServerProgram) -> None:
    with worker(folder, server, "concurrency=2, kill_after=0.2") as supervisor:
        first = pid.call()
        other = until.submit(str(folder / "end"))
        handle = hang.enqueue(str(folder / "started")).handle
        supervisor.wait_for_output("is replaced")
        with Client(server.address) as client:
            assert client.cancel(handle)
        assert pid.call() != first
        (folder / "end").touch()
        assert other.result(10) == first
        wait_until(lambda: not is_alive(first), "the process is gone")


def test_a_cancelled_job_and_a_lost_connection_are_seen_while_a_function_hangs(folder: Path) -> None:
    with (
        geartrain_server() as server,
        Client(server.address) as client,
        worker(folder, server, "kill_after=0.2") as supervisor,
    ):
        handle = client.do_background("unlimited", str(folder / "a"))
        wait_until((folder / "a").exists, "the job runs")
        assert client.cancel(handle)
        supervisor.wait_for_output(f"job {handle} of unlimited")
        assert "was cancelled, and still runs" in supervisor.output()
        handle = client.do_background("unlimited", str(folder / "b"))
        wait_until((folder / "b").exists, "the next job runs")
        server.kill()
        supervisor.wait_for_output("was lost with its connection, and still runs")


def test_a_process_that_comes_to_itself_goes_on(folder: Path, server: ServerProgram) -> None:
    with Client(server.address) as client, worker(folder, server, "kill_after=60") as supervisor:
        first = pid.call()
        handle = until.enqueue(str(folder / "end")).handle
        wait_until(lambda: client.job_status(handle).running, "the job runs")
        assert client.cancel(handle)
        wait_until(lambda: supervisor.has_written("hung:app: ", 2), "another process helps out")
        assert pid.call() != first
        (folder / "end").touch()
        wait_until(lambda: {pid.call() for _ in range(5)} == {first}, "the first one is alone again")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (int(signal.SIGKILL), "killed by SIGKILL"),
        (signal.SIGRTMIN + 3, r"killed by SIGRTMIN\+3"),
        (0, "exit status 0"),
    ],
)
def test_the_job_that_a_dead_process_ran_is_named_and_there_is_a_pause(
    folder: Path, server: ServerProgram, how: int, told: str
) -> None:
    with worker(folder, server) as supervisor:
        job = die.submit(str(folder / "grave"), how)
        assert job.result(10) > 0
        line = (
            rf"process \d+ ended: {told}, while it ran job {job.handle} of die \(attempt 1, \d\.\d s\); "
            r"the next one starts in 0\.5 s"
        )
        assert re.search(line, supervisor.output())


def test_a_task_of_a_function_that_leaves_does_not_end_the_process(
    folder: Path, server: ServerProgram
) -> None:
    with worker(folder, server):
        first = apid.call()
        for _ in range(2):
            with pytest.raises(geartrain.JobException, match="SystemExit: 3"):
                child_leaves.call()
            assert stops_the_loop.options(timeout=10).call() == first
        assert apid.call() == first


@pytest.mark.parametrize("concurrency", [1, 2])
def test_a_process_that_dies_gives_its_job_back_though_one_that_it_forked_lives_on(
    folder: Path, server: ServerProgram, concurrency: int
) -> None:
    with worker(folder, server, f"concurrency={concurrency}"):
        forks.options(timeout=10).call(str(folder / "helper"))
        assert is_alive(number_in(folder / "helper"))
        os.kill(number_in(folder / "helper"), signal.SIGKILL)


def test_an_import_that_fails_is_tried_again(folder: Path, server: ServerProgram) -> None:
    (folder / "hung.py").write_text("import os; os.stat('ready')\n" + CODE)
    with worker(folder, server) as supervisor:
        supervisor.wait_for_output("the next try is in 1.0 s")
        assert "cannot import 'hung' of 'hung:app': FileNotFoundError" in supervisor.output()
        (folder / "ready").touch()
        assert pid.call() > 0


@pytest.mark.parametrize("failure", ["sys.exit(2)", "os._exit(2)", "os.kill(os.getpid(), 9)"])
def test_an_import_that_ends_the_process_is_tried_again(
    folder: Path, server: ServerProgram, failure: str
) -> None:
    code = f"import os, sys\nif not os.path.exists('ready'):\n    open('ready', 'w').close()\n    {failure}\n"
    (folder / "hung.py").write_text(code + CODE)
    with worker(folder, server) as supervisor:
        assert pid.call() > 0
        assert "the next try is in 0.5 s" in supervisor.output()


def test_an_import_that_hangs_is_tried_again(folder: Path, server: ServerProgram) -> None:
    code = "import os, time\nif not os.path.exists('ready'):\n    open('ready', 'w').close()\n    time.sleep(300)\n"
    (folder / "hung.py").write_text(code + CODE)
    with worker(folder, server, "start_timeout=1") as supervisor:
        assert pid.call() > 0
        assert "cannot import 'hung:app': not done in 1 s; the next try is in 0.5 s" in supervisor.output()


@pytest.mark.parametrize("app", ["nothing:app", "hung:nothing", "hung.nothing:app", ":app", "hung:"])
def test_only_an_app_that_is_not_there_is_wrong_usage(folder: Path, server: ServerProgram, app: str) -> None:
    command = (sys.executable, "-m", "geartrain", "worker", app)
    with Program(*command, environment={"GEARMAN_SERVERS": server.address}, folder=folder) as ended:
        assert ended.wait() == 2
        assert len(ended.output().splitlines()) == 1


def test_a_worker_without_a_supervisor_does_not_stay_for_a_job_that_hangs(
    folder: Path, server: ServerProgram
) -> None:
    with Client(server.address) as client, worker(folder, server, "grace=0.2") as supervisor:
        first = pid.call()
        handle = client.do_background("unlimited", str(folder / "a"))
        wait_until((folder / "a").exists, "the job runs")
        supervisor.kill()
        wait_until(lambda: not is_alive(first), "the process has left")
        wait_until(lambda: client.job_status(handle) == (True, False, 0, 0), "the job is queued again")


def test_process_1_reaps_the_orphans_of_its_jobs(folder: Path, server: ServerProgram) -> None:
    orphan = """
@app.task
def orphan() -> None:
    subprocess.run(["sh", "-c", "sleep 0.01 & exit"])

@app.task
def zombies() -> int:
    states = [path.read_text().rpartition(")")[2].split()[0] for path in Path("/proc").glob("[0-9]*/stat")]
    return states.count("Z")
"""
    (folder / "hung.py").write_text(CODE + orphan)
    inside = (require("unshare"), "-Urpf", "--mount-proc", "--kill-child")
    with Client(server.address) as client, worker(folder, server, "", *inside) as container:
        for _ in range(5):
            client.do("orphan", "{}", timeout=10)
        wait_until(lambda: client.do("zombies", "{}", timeout=10) == b"0", "no zombie is left")
        (first,) = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
        os.kill(int(first), signal.SIGTERM)
        assert container.wait() == 0
        assert "stopped" in container.output()
