"""The server's own part: time that passes without traffic, workers that are lost, and crowds."""

from __future__ import annotations

import resource
import select
import sys
import time

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    CAN_DO_TIMEOUT,
    GRAB_JOB,
    JOB_CREATED,
    NO_JOB,
    NOOP,
    PRE_SLEEP,
    SUBMIT_JOB,
    SUBMIT_JOB_EPOCH,
    WORK_COMPLETE,
)
from geartrain.protocol.packet import request
from tests.server.links import Connect, queue_of
from tests.support.machine import DEADLINE, HOST, wait_until
from tests.support.processes import Program, ServerProgram

CROWD = 2000

WORKER_THAT_HANGS = """
import socket, sys, time
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
link.sendall(bytes.fromhex(sys.argv[3]))
time.sleep(600)
"""


# Time without traffic


def test_an_epoch_job_wakes_a_worker_when_its_time_comes(connect: Connect) -> None:
    client, worker = connect(), connect()
    worker.sleeps(b"later")
    run_at = int(time.time()) + 1
    created, *handle = client.asks(SUBMIT_JOB_EPOCH, b"later", b"", b"%d" % run_at, b"abc")
    assert created == JOB_CREATED
    assert worker.asks(GRAB_JOB) == (NO_JOB,)
    worker.says(PRE_SLEEP)
    assert worker.hears() == (NOOP,)
    assert time.time() >= run_at
    assert worker.grabs() == [*handle, b"later", b"abc"]
    worker.says(WORK_COMPLETE, *handle, b"")


def test_a_job_over_its_time_limit_goes_to_another_worker(connect: Connect) -> None:
    client, slow, other = connect(), connect(), connect()
    handle = client.submits(SUBMIT_JOB, b"limited", b"abc")
    slow.says(CAN_DO_TIMEOUT, b"limited", b"1000")
    assert slow.grabs()[0] == handle
    other.sleeps(b"limited")
    assert other.hears() == (NOOP,)
    assert other.grabs() == [handle, b"limited", b"abc"]
    slow.says(WORK_COMPLETE, handle, b"too late")
    slow.knows_that_server_has_heard()
    other.says(WORK_COMPLETE, handle, b"cba")
    assert client.hears() == (WORK_COMPLETE, handle, b"cba")


def test_another_worker_is_woken_when_the_first_does_not_come(connect: Connect) -> None:
    client, deaf, other = connect(), connect(), connect()
    deaf.sleeps(b"wake")
    other.sleeps(b"wake")
    handle = client.submits(SUBMIT_JOB, b"wake")
    assert deaf.hears() == (NOOP,)
    assert other.hears() == (NOOP,)
    assert other.grabs()[0] == handle
    other.says(WORK_COMPLETE, handle, b"")
    assert client.hears() == (WORK_COMPLETE, handle, b"")


# Workers that are lost


def test_the_job_of_a_killed_worker_goes_to_another_at_once(
    shared_server: ServerProgram, connect: Connect
) -> None:
    client, other = connect(), connect()
    handle = client.submits(SUBMIT_JOB, b"deadly", b"abc")
    said = (request(CAN_DO, b"deadly") + request(GRAB_JOB)).hex()
    with Program(sys.executable, "-c", WORKER_THAT_HANGS, HOST, str(shared_server.port), said) as worker:
        wait_until(lambda: queue_of(shared_server, "deadly") == [1, 1, 1], "the worker has the job")
        other.sleeps(b"deadly")
        worker.kill()
        assert other.hears() == (NOOP,)
    assert other.grabs() == [handle, b"deadly", b"abc"]
    other.says(WORK_COMPLETE, handle, b"cba")
    assert client.hears() == (WORK_COMPLETE, handle, b"cba")


# Crowds


@pytest.fixture
def many_descriptors() -> None:
    """Let this process have a connection to each of a crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < CROWD + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_a_crowd_that_sleeps_is_neither_woken_nor_in_the_way(
    shared_server: ServerProgram, connect: Connect
) -> None:
    client = connect()
    sleepers = {}
    for number in range(CROWD):
        link = connect()
        if number % 2:
            link.sends(request(CAN_DO, b"crowd") + request(PRE_SLEEP))
            sleepers[link.endpoint.fileno()] = link
    wait_until(
        lambda: queue_of(shared_server, "crowd") == [0, 0, len(sleepers)], "all have said what they can do"
    )
    noops = select.poll()
    for descriptor in sleepers:
        noops.register(descriptor, select.POLLIN)

    handle = client.submits(SUBMIT_JOB, b"crowd", b"abc")
    worker = sleepers[noops.poll(DEADLINE * 1000)[0][0]]
    assert worker.hears() == (NOOP,)
    assert worker.grabs() == [handle, b"crowd", b"abc"]
    worker.says(WORK_COMPLETE, handle, b"cba")
    assert client.hears() == (WORK_COMPLETE, handle, b"cba")
    # Nobody else was woken, but for one more in every 50 ms that this test was late.
    assert len(noops.poll(0)) < 20
