"""A unique works across the entire pool, and so does a handle: whatever server is asked."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from click.testing import CliRunner

from geartrain.cli.commands import geartrain
from geartrain.protocol.commands import (
    CAN_DO,
    GET_STATUS,
    GET_STATUS_UNIQUE,
    GRAB_JOB_UNIQ,
    JOB_ASSIGN_UNIQ,
    JOB_CREATED,
    NO_JOB,
    STATUS_RES,
    STATUS_RES_UNIQUE,
    SUBMIT_JOB,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_STATUS,
    WORK_WARNING,
)
from tests.interop.programs import PERL, PHP, ClientProgram
from tests.pool.peers import Peers, all_heard
from tests.server.links import Link
from tests.support.machine import wait_until
from tests.support.pools import Pool, about
from tests.support.processes import Program, ServerProgram
from tests.wire import Packet


def test_a_unique_submitted_to_all_servers_at_once_is_one_job_and_all_its_clients_hear_all_of_it(
    peers: Peers,
) -> None:
    waiting = [*peers.everywhere(), *peers.everywhere()]
    background = peers.everywhere()
    for client in (*waiting, *background):
        client.says(SUBMIT_JOB_BG if client in background else SUBMIT_JOB, b"once", b"the same", b"cat.png")
    ((created, *handles),) = {client.hears() for client in (*waiting, *background)}
    assert created == JOB_CREATED
    handle = handles[0]
    workers = peers.everywhere()
    for worker in workers:
        worker.says(CAN_DO, b"once")
    answers = [worker.asks(GRAB_JOB_UNIQ) for worker in workers]
    assert sorted(answers) == [
        (NO_JOB,),
        (NO_JOB,),
        (JOB_ASSIGN_UNIQ, handle, b"once", b"the same", b"cat.png"),
    ]
    worker = workers[[answer[0] for answer in answers].index(JOB_ASSIGN_UNIQ)]
    said: list[Packet] = [
        (WORK_DATA, handle, b"one"),
        (WORK_WARNING, handle, b"careful"),
        (WORK_STATUS, handle, b"1", b"2"),
        (WORK_DATA, handle, b"two"),
        (WORK_COMPLETE, handle, b"done"),
    ]
    for command, *arguments in said:
        worker.says(command, *arguments)
    for client in waiting:
        assert [client.hears() for _ in said] == said
    assert [all_heard(client) for client in (*waiting, *background)] == [[]] * 9
    assert [worker.asks(GRAB_JOB_UNIQ) for worker in workers] == [(NO_JOB,)] * 3


@pytest.fixture
def running(peers: Peers) -> tuple[Link, bytes]:
    """A worker of a follower, and the handle of its job, which a client of another one submitted."""
    worker, client = peers.followers()
    created, *handles = client.asks(SUBMIT_JOB_BG, b"asked", b"of all", b"x")
    worker.says(CAN_DO, b"asked")
    assert created == JOB_CREATED
    handle = handles[0]
    assert worker.asks(GRAB_JOB_UNIQ) == (JOB_ASSIGN_UNIQ, handle, b"asked", b"of all", b"x")
    worker.says(WORK_STATUS, handle, b"1", b"2")
    assert worker.asks(GET_STATUS, handle)[0] == STATUS_RES  # the leader has heard all that
    return worker, handle


def test_every_server_knows_a_job_by_its_handle_and_its_unique(
    peers: Peers, running: tuple[Link, bytes]
) -> None:
    worker, handle = running
    for client in peers.everywhere():
        assert client.asks(GET_STATUS, handle) == (STATUS_RES, handle, b"1", b"1", b"1", b"2")
        unique = (STATUS_RES_UNIQUE, b"of all", b"1", b"1", b"1", b"2", b"0")
        assert client.asks(GET_STATUS_UNIQUE, b"of all") == unique
    worker.says(WORK_COMPLETE, handle, b"")
    for server in peers.pool.servers:
        wait_until(partial(is_over, server, handle), "the job is over")
    for client in peers.everywhere():
        assert client.asks(GET_STATUS, handle) == (STATUS_RES, handle, b"0", b"0", b"0", b"0")


def test_every_server_answers_text_commands_for_the_whole_pool(
    shared_pool: Pool, running: tuple[Link, bytes]
) -> None:
    worker, handle = running
    for server in shared_pool.servers:
        assert "asked\t1\t1\t1\n" in server.ask("status")
        assert any(line.endswith(" : asked") for line in server.ask("workers").splitlines())
        assert handle.decode() in server.ask("show jobs")
        assert "of all" in server.ask("show unique jobs")
    worker.says(WORK_COMPLETE, handle, b"")


def is_over(server: ServerProgram, handle: bytes) -> bool:
    """Whether a server knows a job no more."""
    return handle.decode() not in server.ask("show jobs")


def rows(server: ServerProgram, *command: str) -> list[Any]:
    """The rows that a command prints of a server."""
    ended = CliRunner().invoke(geartrain, [*command, "--json", "--server", server.address])
    assert ended.exit_code == 0, ended.output
    return [json.loads(line) for line in ended.output.splitlines()]


def test_every_server_answers_geartrain_commands_for_the_whole_pool(
    shared_pool: Pool, running: tuple[Link, bytes]
) -> None:
    worker, handle = running
    name = handle.decode()
    progress = {"known": True, "running": True, "numerator": 1, "denominator": 2}
    for server in shared_pool.servers:
        assert rows(server, "status", name) == [{"handle": name, **progress}]
        assert rows(server, "status", "--unique", "of all") == [{"unique": "of all", **progress}]
        jobs = rows(server, "jobs", "--function", "asked")
        assert [(row["handle"], row["state"]) for row in jobs] == [(name, "running")]
        counts = {row["function"]: (row["running"], row["workers"]) for row in rows(server, "functions")}
        assert counts["asked"] == (1, 1)
        assert [row["running"] for row in rows(server, "workers")] == [[name]]
    worker.says(WORK_COMPLETE, handle, b"")


def has_heard_of(server: ServerProgram, servers: int) -> bool:
    """Whether a server knows so many servers of its pool."""
    return len([row for row in about(server) if "id" in row]) == servers


def test_every_server_shows_all_servers_and_who_leads(shared_pool: Pool) -> None:
    leader = shared_pool.leader()
    for server in shared_pool.servers:
        wait_until(partial(has_heard_of, server, 3), "it has heard of all")
        *servers, shard = rows(server, "pool")
        assert {row["address"] for row in servers} == set(shared_pool.addresses())
        assert [row["address"] for row in servers if row["here"]] == [server.address]
        assert (shard["shard"], shard["address"], shard["here"]) == (0, leader.address, server is leader)


def test_a_php_client_and_a_perl_worker_meet_on_different_servers(shared_pool: Pool) -> None:
    PHP.check()
    PERL.check()
    leader, (first, second) = shared_pool.leader(), shared_pool.followers()
    with Program(*PERL.script("worker"), str(first.port), "meet") as worker:
        worker.wait_for_output("ready")
        for server in (second, leader):
            with ClientProgram(
                *PHP.script("client"), str(server.port), "do", "meet-events", "", "normal", stdin=b"x"
            ) as client:
                heard = client.heard_to_the_end()
            assert heard[0][0] == "created"
            assert heard[1:] == [
                ("data", b"one"),
                ("warning", b"careful"),
                ("status", "1", "3"),
                ("status", "2", "3"),
                ("status", "3", "3"),
                ("complete", b"done"),
            ]
