"""The end of a server, as its clients and workers see it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ERROR,
    GET_STATUS,
    GRAB_JOB,
    JOB_CREATED,
    NO_JOB,
    PRE_SLEEP,
    STATUS_RES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_STATUS,
)
from geartrain.protocol.packet import request
from tests.server.links import LOOPS, Connect, Link, links_to, server_on
from tests.support.machine import DEADLINE, wait_until
from tests.support.processes import ServerProgram

MIB = 1024 * 1024

on_both_loops = pytest.mark.parametrize("loop", LOOPS)


@contextmanager
def server_and_links(loop: str, *options: str) -> Iterator[tuple[ServerProgram, Connect]]:
    with server_on(loop, *options) as server, links_to(server) as connect:
        yield server, connect


def ask_to_end(server: ServerProgram, by: signal.Signals, word: str) -> None:
    """Send a signal, and return when the server has heard it."""
    server.process.send_signal(by)
    server.wait_for_output(f"message={word}")


@on_both_loops
def test_in_the_grace_running_jobs_end_and_nothing_else_begins(loop: str) -> None:
    with server_and_links(loop) as (server, connect):
        client, worker, idle = connect(), connect(), connect()
        foreground = client.submits(SUBMIT_JOB, b"resize", b"one")
        background = client.submits(SUBMIT_JOB_BG, b"resize", b"two")
        queued = client.submits(SUBMIT_JOB_BG, b"resize", b"three")
        assert worker.grabs(b"resize")[0] == foreground
        assert worker.grabs()[0] == background
        ask_to_end(server, signal.SIGTERM, "stopping")

        assert not server.accepts()
        assert idle.asks(SUBMIT_JOB, b"resize", b"", b"") == (ERROR, b"QUEUE_ERROR", b"Server is stopping")
        idle.says(CAN_DO, b"resize")
        assert idle.asks(GRAB_JOB) == worker.asks(GRAB_JOB) == (NO_JOB,)
        idle.says(PRE_SLEEP)
        assert idle.asks(GET_STATUS, queued) == (STATUS_RES, queued, b"1", b"0", b"0", b"0")

        worker.says(WORK_STATUS, foreground, b"1", b"2")
        worker.says(WORK_COMPLETE, foreground, b"1")
        assert client.hears() == (WORK_STATUS, foreground, b"1", b"2")
        assert client.hears() == (WORK_COMPLETE, foreground, b"1")
        assert server.running()
        worker.says(WORK_COMPLETE, background, b"2")
        for link in (client, worker, idle):
            assert link.rest() == b""
            link.leaves()
        assert server.wait() == 0


@on_both_loops
def test_the_last_result_arrives_however_large_it_is(loop: str) -> None:
    with server_and_links(loop) as (server, connect):
        client, worker = connect(), connect()
        handle = client.submits(SUBMIT_JOB, b"render")
        worker.grabs(b"render")
        ask_to_end(server, signal.SIGTERM, "stopping")
        worker.says(WORK_COMPLETE, handle, bytes(32 * MIB))
        worker.leaves()
        assert client.hears() == (WORK_COMPLETE, handle, bytes(32 * MIB))
        assert client.rest() == b""
        client.leaves()
        assert server.wait() == 0


@on_both_loops
def test_the_last_result_arrives_at_a_client_that_is_sending(loop: str) -> None:
    with server_and_links(loop) as (server, connect):
        client, worker = connect(), connect()
        handle = client.submits(SUBMIT_JOB, b"render")
        worker.grabs(b"render")
        ask_to_end(server, signal.SIGTERM, "stopping")
        sender = threading.Thread(target=client.sends, args=[request(ECHO_REQ, b"x" * MIB)[:-1]])
        sender.start()
        worker.says(WORK_COMPLETE, handle, b"done")
        worker.leaves()
        assert client.hears() == (WORK_COMPLETE, handle, b"done")
        assert client.rest() == b""
        sender.join()
        client.leaves()
        assert server.wait() == 0


@on_both_loops
def test_after_the_grace_the_server_ends_though_jobs_run(loop: str) -> None:
    with server_and_links(loop, "--grace", "0.1") as (server, connect):
        client, worker = connect(), connect()
        client.submits(SUBMIT_JOB, b"forever")
        worker.grabs(b"forever")
        ask_to_end(server, signal.SIGTERM, "stopping")
        assert client.rest() == worker.rest() == b""
        client.leaves()
        worker.leaves()
        assert server.wait() == 0
        assert "the grace of 0.1 seconds is over" in server.output()


@pytest.mark.one_server(
    "the queue is that of all servers, so the last one of a pool does not wait for its end"
)
@on_both_loops
def test_sigusr1_lets_the_workers_empty_the_queue(loop: str) -> None:
    with server_and_links(loop) as (server, connect):
        client, worker = connect(), connect()
        for workload in (b"one", b"two"):
            client.submits(SUBMIT_JOB_BG, b"resize", workload)
        ask_to_end(server, signal.SIGUSR1, "finishing")
        wait_until(lambda: not server.accepts(), "new connections are refused")
        assert client.asks(SUBMIT_JOB, b"resize", b"", b"three")[0] == JOB_CREATED
        for number, workload in enumerate((b"one", b"two", b"three")):
            assert server.running()
            handle, _, assigned = worker.grabs(*[b"resize"] * (number == 0))
            assert assigned == workload
            worker.says(WORK_COMPLETE, handle, b"done")
        assert client.hears() == (WORK_COMPLETE, handle, b"done")
        assert client.rest() == worker.rest() == b""
        client.leaves()
        worker.leaves()
        assert server.wait() == 0


def test_sigterm_ends_a_server_whose_queue_nobody_empties(server: ServerProgram) -> None:
    with Link(server.connect()) as client:
        client.submits(SUBMIT_JOB_BG, b"nobody")
        ask_to_end(server, signal.SIGUSR1, "finishing")
        assert server.running()
        ask_to_end(server, signal.SIGTERM, "stopping")
        assert client.rest() == b""
    assert server.process.wait(DEADLINE) == 0
