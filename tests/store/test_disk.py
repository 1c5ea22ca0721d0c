"""A running server whose disk is full, read-only or silent: it says so, goes on, and recovers by itself."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GRAB_JOB,
    JOB_ASSIGN,
    JOB_CREATED,
    NO_JOB,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
)
from tests.server.links import Connect, Link, links_to
from tests.support.disks import mount, small_disk, writer_stopped
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, geartrain_server

DISK_SIZE = "2m"
WORKLOAD = b"x" * 20_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, and small."""
    with small_disk(tmp_path / "disk", DISK_SIZE) as path:
        yield path


def on(disk: Path, *options: str) -> ServerProgram:
    return geartrain_server("--store", f"sqlite:{disk}/jobs.db", "--job-handle-prefix", "H:test", *options)


def fill(client: Link, most: int = 1000) -> list[bytes]:
    """Submit until the store refuses a job, as it must with its reason; the handles of the others."""
    handles: list[bytes] = []
    for number in range(most):
        answer, *arguments = client.asks(SUBMIT_JOB_BG, b"f", b"", b"%d " % number + WORKLOAD)
        if answer == ERROR:
            assert arguments == [b"QUEUE_ERROR", b"the job store cannot keep jobs: database or disk is full"]
            return handles
        handles += arguments
    raise AssertionError("the disk does not get full")


def drained(worker: Link, function: bytes = b"f") -> list[bytes]:
    """Complete every job of a function; the handles, in the order in which they came."""
    worker.says(CAN_DO, function)
    handles = []
    while (assigned := worker.asks(GRAB_JOB))[0] == JOB_ASSIGN:
        _, *job = assigned
        handles.append(job[0])
        worker.says(WORK_COMPLETE, handles[-1], b"")
    assert assigned == (NO_JOB,)
    return handles


def runs_in_the_foreground(connect: Connect) -> None:
    client, worker = connect(), connect()
    worker.says(CAN_DO, b"now")
    created, *handle = client.asks(SUBMIT_JOB, b"now", b"", b"")
    assert created == JOB_CREATED
    assert worker.asks(GRAB_JOB)[0] == JOB_ASSIGN
    worker.says(WORK_COMPLETE, handle[0], b"done")
    assert client.hears() == (WORK_COMPLETE, handle[0], b"done")


def accepts_again(client: Link) -> bool:
    answer, *_ = client.asks(SUBMIT_JOB_BG, b"f", b"", b"again")
    return answer == JOB_CREATED


def test_a_full_disk_refuses_background_jobs_until_there_is_room_and_loses_none(disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(500_000))
    with on(disk) as server, links_to(server) as connect:
        client = connect()
        handles = fill(client)
        assert handles
        runs_in_the_foreground(connect)
        server.wait_for_output("the store keeps nothing for now")
        (disk / "ballast").unlink()
        wait_until(lambda: accepts_again(client), "the store has recovered")
        server.wait_for_output("the store keeps jobs again")
        server.kill()
    with on(disk) as server, links_to(server) as connect:
        assert drained(connect())[: len(handles)] == handles


def test_a_full_disk_becomes_free_when_its_jobs_are_done(disk: Path) -> None:
    with on(disk) as server, links_to(server) as connect:
        client = connect()
        handles = fill(client)
        assert drained(connect()) == handles
        wait_until(lambda: accepts_again(client), "the store has recovered")


def test_a_read_only_disk_is_one_line_and_status_2(disk: Path) -> None:
    with on(disk):
        pass
    assert mount("-o", "remount,ro", str(disk)) == 0
    command = [sys.executable, "-m", "geartrain", "server", "--listen", HOST, "--port", str(free_port())]
    end = subprocess.run(
        [*command, "--store", f"sqlite:{disk}/jobs.db"], capture_output=True, text=True, timeout=DEADLINE
    )
    assert (end.returncode, end.stderr.count("\n")) == (2, 1)
    assert f"cannot use {disk}/jobs.db: " in end.stderr
    assert "Read-only file system" in end.stderr


def test_while_the_disk_is_silent_all_but_background_submits_go_on(disk: Path) -> None:
    with on(disk) as server, links_to(server) as connect:
        client, other = connect(), connect()
        with writer_stopped(server):
            client.says(SUBMIT_JOB_BG, b"f", b"", b"")
            runs_in_the_foreground(connect)
            assert other.asks(ECHO_REQ, b"here") == (ECHO_RES, b"here")
            assert drained(other) == [b"H:test:1"]  # it runs before its client hears that it is kept
        assert client.hears() == (JOB_CREATED, b"H:test:1")


def test_a_server_whose_disk_is_silent_can_be_stopped(disk: Path) -> None:
    with on(disk, "--grace", "0.1") as server, links_to(server) as connect:
        kept, client = connect().submits(SUBMIT_JOB_BG, b"f"), connect()
        with writer_stopped(server):
            client.says(SUBMIT_JOB_BG, b"f", b"", b"")
            connect().knows_that_server_has_heard()
            server.stop()
            assert "the store does not answer, and is left" in server.output()
    with on(disk) as server, links_to(server) as connect:
        assert drained(connect())[0] == kept


def test_workloads_beyond_the_memory_budget_come_back_when_their_job_is_grabbed(disk: Path) -> None:
    with on(disk, "--workload-memory", "100000") as server, links_to(server) as connect:
        client, worker = connect(), connect()
        workloads = [b"%d " % number + WORKLOAD for number in range(40)]
        handles = [client.submits(SUBMIT_JOB_BG, b"f", workload) for workload in workloads]
        worker.says(CAN_DO, b"f")
        for handle, workload in zip(handles, workloads, strict=True):
            assert worker.asks(GRAB_JOB) == (JOB_ASSIGN, handle, b"f", workload)
            worker.says(WORK_COMPLETE, handle, b"")
