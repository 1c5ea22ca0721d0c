"""The C tool ``gearadmin``, unchanged: what it prints of our server, to the byte."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from geartrain.jobs import JobHandle
from geartrain.protocol.submission import Priority
from geartrain.sync.client import Client
from tests.support.machine import HOST, require
from tests.support.processes import ServerProgram

Gearadmin = Callable[[str], str]


@pytest.fixture
def gearadmin(server: ServerProgram) -> Gearadmin:
    """What ``gearadmin`` prints for an option."""

    def run(option: str) -> str:
        command = (require("gearadmin"), "-h", HOST, "-p", str(server.port), option)
        done = subprocess.run(command, capture_output=True, check=True)
        return (done.stdout + done.stderr).decode()

    return run


@pytest.fixture
def handles(server: ServerProgram) -> list[JobHandle]:
    """Three queued jobs of one function: of low, normal and high priority, with these words as uniques."""
    with Client(server.address) as client:
        return [
            client.do_background("resize", b"x", unique=priority.name.lower(), priority=priority)
            for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH)
        ]


def rows(answer: str) -> list[str]:
    """The lines of a list in an order of their own; its end must be its end."""
    assert answer.endswith(".\n")
    return sorted(answer.removesuffix(".\n").splitlines(keepends=True))


def test_status_counts_jobs_running_jobs_and_workers(gearadmin: Gearadmin, handles: list[JobHandle]) -> None:
    assert gearadmin("--create-function=empty") == "OK\n"
    assert rows(gearadmin("--status")) == ["empty\t0\t0\t0\n", "resize\t3\t0\t0\n"]


def test_priority_status_counts_queued_jobs_by_priority(
    gearadmin: Gearadmin, handles: list[JobHandle]
) -> None:
    assert gearadmin("--priority-status") == "resize\t1\t1\t1\t0\n.\n"


def test_workers_lists_every_connection_the_tools_own_too(gearadmin: Gearadmin) -> None:
    assert re.fullmatch(r"\d+ 127\.0\.0\.1 - :\n\.\n", gearadmin("--workers"))


def test_jobs_are_shown_with_their_handles_and_their_uniques(
    gearadmin: Gearadmin, handles: list[JobHandle]
) -> None:
    assert rows(gearadmin("--show-jobs")) == sorted(f"{handle}\t0\t0\t1\n" for handle in handles)
    assert rows(gearadmin("--show-unique-jobs")) == ["high\n", "low\n", "normal\n"]


def test_a_cancelled_job_is_gone_and_an_unknown_one_is_named_an_error(
    gearadmin: Gearadmin, handles: list[JobHandle], server: ServerProgram
) -> None:
    assert gearadmin(f"--cancel-job={handles[0]}") == "OK\n"
    with Client(server.address) as client:
        assert client.job_status(handles[0]).done
    assert gearadmin("--cancel-job=H:none:1") == "Error: UNKNOWN_JOB\r\n"


def test_a_function_can_be_created_and_dropped(gearadmin: Gearadmin) -> None:
    assert gearadmin("--create-function=resize") == "OK\n"
    assert gearadmin("--drop-function=resize") == "OK\n"
    assert gearadmin("--drop-function=resize") == "Error: function not found\r\n"
    assert gearadmin("--status") == ".\n"


def test_the_server_tells_its_version_process_id_and_verbosity(
    gearadmin: Gearadmin, server: ServerProgram
) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", gearadmin("--server-version"))
    assert gearadmin("--getpid") == f"{server.pid}\n"
    assert re.fullmatch(r"[A-Z]+\n", gearadmin("--server-verbose"))
