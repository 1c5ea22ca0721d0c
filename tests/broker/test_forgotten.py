"""Functions that nobody works on, waits for or has set anything for are forgotten; the latest stay in ``status``."""

from __future__ import annotations

import pytest

from geartrain.broker.forgetting import MOST_IDLE, MOST_UNUSED
from geartrain.broker.model import MOST_ABILITIES, TOO_MANY_ABILITIES
from geartrain.protocol.commands import (
    CAN_DO,
    ECHO_REQ,
    ECHO_RES,
    ERROR,
    GRAB_JOB,
    NO_JOB,
    RESET_ABILITIES,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_FAIL,
)
from geartrain.protocol.packet import request
from tests.wire import MemoryServer, Peer


def names(server: MemoryServer) -> set[bytes]:
    """The functions in ``status``."""
    return {line.split(b"\t")[0] for line in server.connect().types(b"status").splitlines()[:-1]}


def offers(server: MemoryServer, word: bytes, functions: int) -> Peer:
    """A worker that can do so many functions."""
    worker = server.connect()
    worker.sends(b"".join([request(CAN_DO, b"%b%d" % (word, number)) for number in range(functions)]))
    return worker


def uses(server: MemoryServer, word: bytes, functions: int) -> None:
    """Have a job of so many functions come and go."""
    for number in range(functions):
        client = server.connect()
        client.says(SUBMIT_JOB, b"%b%d" % (word, number), b"", b"")
        client.leaves()


@pytest.mark.one_shard
def test_functions_of_workers_that_left_are_forgotten_but_for_the_latest() -> None:
    server = MemoryServer()
    offers(server, b"f", 3000).leaves()
    assert len(names(server)) == MOST_UNUSED


@pytest.mark.one_shard
def test_functions_that_have_had_jobs_are_forgotten_when_so_many_others_have() -> None:
    server = MemoryServer()
    uses(server, b"f", MOST_IDLE + 5)
    offers(server, b"g", 3000).leaves()  # they take nobody's place
    known = names(server)
    assert {name for name in known if name.startswith(b"f")} == {
        b"f%d" % number for number in range(5, MOST_IDLE + 5)
    }
    assert len(known) == MOST_IDLE + MOST_UNUSED


@pytest.mark.one_shard
def test_functions_whose_submits_are_refused_are_forgotten() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b'policy f* {"draining":true}')
    client.sends(b"".join([request(SUBMIT_JOB_BG, b"f%d" % number, b"", b"") for number in range(3000)]))
    assert len(names(server)) == MOST_UNUSED


def test_a_function_with_a_worker_a_job_or_something_set_is_never_forgotten() -> None:
    server = MemoryServer()
    operator = server.connect()
    server.worker(b"worked")
    operator.says(SUBMIT_JOB_BG, b"queued", b"", b"")
    operator.says(SUBMIT_JOB_BG, b"dead", b"", b"")
    operator.types(b"create function created")
    kept = {b"worked", b"queued", b"created", b"limited", b"paused", b"buried", b"resulted", b"watched"}
    operator.types(b"maxqueue limited 5")
    operator.types(b'policy buried* {"dead_letter":true}')
    operator.types(b'policy resulted* {"keep_result":60}')
    for name in (b"limited", b"paused", b"watched"):
        worker = server.worker(name)
        operator.types({b"watched": b"events - watched", b"paused": b"pause paused"}.get(name, b"version"))
        worker.leaves()
    for name, command in ((b"buried", WORK_FAIL), (b"resulted", WORK_COMPLETE)):
        operator.says(SUBMIT_JOB_BG, name, b"", b"")
        operator.read()
        worker = server.running(name)
        (job,) = [row["handle"].encode() for row in operator.lists(b"jobs " + name)]
        worker.says(command, *([job] if command == WORK_FAIL else [job, b"r"]))
        worker.leaves()
    offers(server, b"f", 3000).leaves()
    uses(server, b"g", MOST_IDLE + 50)
    assert names(server) >= kept


@pytest.mark.one_shard
def test_a_function_whose_last_result_is_over_is_forgotten_in_its_turn() -> None:
    server = MemoryServer()
    client = server.connect()
    client.types(b'policy r {"keep_result":60}')
    client.says(SUBMIT_JOB_BG, b"r", b"", b"")
    worker = server.running(b"r")
    worker.says(WORK_COMPLETE, b"H:test:1", b"r")
    worker.leaves()
    client.types(b'policy r {"keep_result":null}')
    uses(server, b"f", MOST_IDLE)
    assert b"r" in names(server)
    server.passes(61)
    server.passes(2)
    uses(server, b"g", MOST_IDLE)
    assert b"r" not in names(server)


@pytest.mark.one_shard
def test_what_was_counted_of_a_function_goes_with_it() -> None:
    server = MemoryServer()
    uses(server, b"f", 1)
    uses(server, b"g", MOST_IDLE)
    client = server.connect()
    client.asks(SUBMIT_JOB_BG, b"f0", b"", b"")
    (row,) = client.lists(b"functions f0")
    assert (row["totals"]["submitted"], row["totals"]["abandoned"]) == (1, 0)


def test_a_worker_may_offer_so_many_functions_and_hears_an_error_of_one_more() -> None:
    server = MemoryServer()
    worker = offers(server, b"f", MOST_ABILITIES)
    assert worker.heard() == []
    assert worker.asks(CAN_DO, b"more") == [(ERROR, b"TOO_MANY_ABILITIES", TOO_MANY_ABILITIES)]
    worker.says(RESET_ABILITIES)
    assert worker.asks(CAN_DO, b"more") == []
    assert worker.asks(GRAB_JOB) == [(NO_JOB,)]
    assert worker.asks(ECHO_REQ, b"x") == [(ECHO_RES, b"x")]
