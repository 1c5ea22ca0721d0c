"""``geartrain worker``; what a command does for jobs is in ``test_submit``."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.cli.program import PROGRAM, Shop
from tests.support.machine import DEADLINE, wait_until
from tests.support.processes import Program


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
