"""``geartrain demo``."""

from __future__ import annotations

import os
import re
import signal

from tests.cli.program import PROGRAM, geartrain
from tests.support.machine import wait_until
from tests.support.processes import Program


def is_running(pid: str) -> bool:
    return os.path.exists(f"/proc/{pid}")


def test_the_demo_shows_progress_results_and_a_shared_job_and_leaves_nothing() -> None:
    demo = geartrain("demo")
    assert (demo.status, demo.stderr) == (0, "")
    assert re.findall(r"status +(\d+)/14", demo.stdout) == [str(number) for number in range(1, 15)]
    assert "result  b'tset a si siht'\n" in demo.stdout
    assert re.search(r"first +(H:\S+)\n +second +\1: the same job\n", demo.stdout)
    assert not any(map(is_running, re.findall(r"process (\d+)", demo.stdout)))
    assert "\x1b" not in demo.stdout


def test_a_demo_that_is_ended_early_leaves_nothing_either() -> None:
    with Program(*PROGRAM, "demo") as demo:
        demo.wait_for_output("handle")
        processes = re.findall(r"process (\d+)", demo.output())
        assert len(processes) == 2
        demo.end(signal.SIGTERM)
    wait_until(lambda: not any(map(is_running, processes)), "its processes have ended")
