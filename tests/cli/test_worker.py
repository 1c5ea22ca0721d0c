"""``geartrain worker``; what a command does for jobs is in ``test_submit``."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, Shop
from tests.support.machine import DEADLINE, wait_until
from tests.support.processes import Program, geartrain_server


def running(shop: Shop, function: str) -> bool:
    rows = shop.run("jobs", "--function", function, "--json").rows
    return any(row["state"] == "running" for row in rows)


def test_one_worker_may_have_several_functions(shop: Shop) -> None:
    with shop.worker("-f", "one", "-f", "two", "--", "cat"):
        assert shop.run("submit", "one", "1").stdout == "1"
        assert shop.run("submit", "two", "2").stdout == "2"


def test_sigterm_ends_the_worker_after_its_job(shop: Shop) -> None:
    wait_for_file = 'read -r file; until test -e "$file"; do sleep 0.02; done; rm "$file"; echo end'
    with shop.worker("-f", "slow", "--", "sh", "-c", wait_for_file) as worker:
        file = f"/tmp/geartrain-test-{worker.pid}"
        handle = shop.run("submit", "slow", file, "-b").stdout.strip()
        wait_until(lambda: running(shop, "slow"), "the job runs")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.running()
        open(file, "w").close()
        assert worker.process.wait(DEADLINE) == 0
    assert shop.run("status", handle).stdout == f"{handle}: done, or never known\n"


def test_a_c_server_gets_the_same(c_shop: Shop) -> None:
    assert c_shop.run("submit", "capitals", "test").stdout == "TEST\n"
    assert c_shop.run("submit", "capitals", "bad").status == 1


APPLICATION = """
from geartrain import App

app = App("127.0.0.1:1")

@app.task(raw=True)
def shout(text: str) -> str:
    return text.upper()
"""


def test_the_tasks_of_an_application_run_in_processes(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "shouting.py").write_text(APPLICATION)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [*PROGRAM, "worker", "--server", shop.server.address, "shouting:app", "--processes", "2"]
    with Program(*command, environment={"PYTHONPATH": path}) as supervisor:
        wait_until(lambda: "shout\t0\t0\t2" in shop.server.ask("status"), "two processes are at work")
        assert shop.run("submit", "shout", "hello").stdout == "HELLO"
        assert supervisor.stop() == 0


def test_an_application_that_is_none_is_one_line_and_status_2(shop: Shop) -> None:
    refused = shop.run("worker", "no_such_module:app")
    assert (refused.status, refused.stderr.count("\n")) == (2, 1)
    assert "cannot import 'no_such_module'" in refused.stderr


TELLS = 'echo "$GEARTRAIN_FUNCTION $GEARTRAIN_HANDLE $GEARTRAIN_UNIQUE $GEARTRAIN_ATTEMPT ${GEARTRAIN_DEADLINE%.*}"'


def test_a_command_finds_its_job_in_its_environment(shop: Shop) -> None:
    shop.run("functions", "set", "tell", "timeout=60")
    with shop.worker("-f", "tell", "--", "sh", "-c", TELLS):
        before = int(time.time())
        function, handle, unique, attempt, deadline = shop.run(
            "submit", "tell", "x", "--unique", "u"
        ).stdout.split()
    assert (function, unique, attempt) == ("tell", "u", "1")
    assert handle.startswith("H:")
    assert before + 59 <= int(deadline) <= time.time() + 60


def test_a_failure_tells_the_status_and_the_last_lines_of_standard_error(shop: Shop) -> None:
    code = 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $n" >&2; done; exit 3'
    with shop.worker("-f", "fails", "--", "sh", "-c", code) as worker:
        failed = shop.run("submit", "fails", "x")
        wait_until(lambda: "failed in attempt 1" in worker.output(), "the worker's log has the failure")
        assert "line 1\n" in worker.output()
        assert "Traceback" not in worker.output()
    assert failed.status == 1
    warnings = "".join(f"geartrain: line {number}\n" for number in range(1, 13))
    assert failed.stderr.startswith(warnings)
    told = " ".join(f"line {number}" for number in range(3, 13))
    assert failed.stderr.endswith(f"geartrain: CommandFailed: sh: exit status 3: {told}\n")


def test_commands_run_at_once(shop: Shop, tmp_path: Path) -> None:
    meet = f'cd {tmp_path}; read -r mine other; touch "$mine"; until test -e "$other"; do sleep 0.02; done'
    with shop.worker("-f", "meet", "--concurrency", "2", "--", "sh", "-c", meet):
        handle = shop.run("submit", "meet", "a b\n", "-b").stdout.strip()
        assert shop.run("submit", "meet", "b a\n").status == 0
        wait_until(lambda: "done" in shop.run("status", handle).stdout, "the other one has ended")


STUBBORN = (
    "trap '' TERM; sh -c 'trap \"\" TERM; echo $$; exec sleep 300' > $0.child & echo $$ > $0; wait; wait"
)
OBEDIENT = "echo $$ > $0; exec sleep 300"


def number_in(file: Path) -> int:
    """The number in a file, once it is there."""
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), f"{file.name} is written")
    return int(file.read_text())


def gone(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("end", ["cancel", "timeout", "signals", "grace"])
def test_a_command_ends_with_its_job_and_so_does_what_it_started(
    shop: Shop, tmp_path: Path, end: str
) -> None:
    if end == "timeout":
        shop.run("functions", "set", "stubborn", "timeout=1", "retry.attempts=1")
    options = ["--kill-after", "0.2", *(["--grace", "0.1"] if end == "grace" else [])]
    file = tmp_path / "number"
    with shop.worker("-f", "stubborn", *options, "--", "sh", "-c", STUBBORN, str(file)) as worker:
        handle = shop.run("submit", "stubborn", "x", "-b").stdout.strip()
        numbers = number_in(file), number_in(tmp_path / "number.child")
        if end == "cancel":
            assert shop.run("jobs", "cancel", handle).status == 0
        for _ in range({"signals": 2, "grace": 1}.get(end, 0)):
            worker.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)  # two at once are one
        wait_until(lambda: all(map(gone, numbers)), "the command and its child are gone")
        if end == "signals":
            assert worker.wait() == -signal.SIGTERM
        if end == "grace":
            assert worker.wait() == 0
        if end in ("cancel", "timeout"):
            wait_until(lambda: f"job {handle} of stubborn" in worker.output(), "the log names the job")


def test_a_command_that_obeys_sigterm_is_not_waited_for(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "number"
    with shop.worker("-f", "obeys", "--kill-after", "300", "--", "sh", "-c", OBEDIENT, str(file)):
        handle = shop.run("submit", "obeys", "x", "-b").stdout.strip()
        number = number_in(file)
        assert shop.run("jobs", "cancel", handle).status == 0
        wait_until(lambda: gone(number), "the command is gone")


def test_a_command_that_leaves_a_process_behind_has_ended(shop: Shop, tmp_path: Path) -> None:
    with shop.worker(
        "-f", "leaves", "--", "sh", "-c", "sleep 300 & echo $! > $0; echo result", str(tmp_path / "number")
    ):
        assert shop.run("submit", "leaves", "x").stdout == "result\n"
        assert not gone(number_in(tmp_path / "number"))
        os.kill(number_in(tmp_path / "number"), signal.SIGKILL)


def test_a_command_that_writes_too_much_fails_with_the_limit(tmp_path: Path) -> None:
    with geartrain_server("--max-workload", "100000") as server:
        small = Shop(server)
        with small.worker("-f", "large", "--", "sh", "-c", "echo run >> $0; yes", str(tmp_path / "runs")):
            failed = small.run("submit", "large", "x")
        assert failed.status == 1
        assert "PayloadError: sh wrote over" in failed.stderr
        assert "the server's limit is 165536" in failed.stderr
        assert (tmp_path / "runs").read_text() == "run\n"


def test_options_of_applications_are_none_of_commands(shop: Shop) -> None:
    refused = shop.run("worker", "-f", "x", "--max-rss", "5", "--", "cat")
    assert (refused.status, refused.stderr) == (2, "geartrain: --max-rss is for module:app, not for -f x\n")
