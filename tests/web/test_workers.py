"""Connections and servers over HTTP."""

from __future__ import annotations

from typing import Any

from geartrain.protocol.commands import GRAB_JOB, NO_JOB, SET_CLIENT_ID
from tests.support.machine import wait_until
from tests.web.sites import Site, problem


def found(site: Site, worker: str) -> dict[str, Any]:
    """The row of a worker by its id."""
    rows = [row for row in site.gets("/workers")["workers"] if row["id"] == worker]
    return rows[0] if rows else {}


def test_workers_are_connections_that_can_do_something(everywhere: Site, function: str) -> None:
    worker, client = everywhere.connect(), everywhere.connect()
    worker.says(SET_CLIENT_ID, function.encode())
    worker.sleeps(function.encode())
    client.says(SET_CLIENT_ID, f"{function}-client".encode())
    client.knows_that_server_has_heard()
    wait_until(lambda: bool(found(everywhere, function)), "the worker is known")
    row = found(everywhere, function)
    assert (row["functions"], row["asleep"], row["running"]) == ([function], True, [])
    assert not found(everywhere, f"{function}-client")
    ids = {row["id"] for row in everywhere.gets("/connections")["connections"]}
    assert {function, f"{function}-client"} <= ids


def test_a_drained_worker_gets_no_job_until_it_is_resumed(everywhere: Site, function: str) -> None:
    worker = everywhere.connect()
    worker.says(SET_CLIENT_ID, function.encode())
    worker.sleeps(function.encode())
    wait_until(lambda: bool(found(everywhere, function)), "the worker is known")
    number = found(everywhere, function)["number"]
    assert everywhere.does("POST", f"/workers/{number}/drain")["draining"] is True
    everywhere.submits(function)
    assert worker.asks(GRAB_JOB) == (NO_JOB,)
    assert everywhere.does("POST", f"/workers/{number}/resume")["draining"] is False
    everywhere.connect()
    problem(everywhere.asks("POST", "/workers/987654321/drain"), 404)
    problem(everywhere.asks("POST", "/workers/first/drain"), 404)


def test_a_server_tells_of_itself(everywhere: Site, function: str) -> None:
    everywhere.submits(function)
    told = everywhere.gets("/server")
    assert told["version"]
    assert told["pid"] == everywhere.server.pid


def test_a_pool_shows_its_servers_and_shards_and_a_server_alone_is_a_pool_of_one(everywhere: Site) -> None:
    servers, shards = {"alone": (1, 0), "follower": (2, 1), "shards": (2, 3)}[everywhere.where]
    told = everywhere.gets("/pool")
    assert [server["here"] for server in told["servers"]].count(True) == 1
    assert len(told["servers"]) == servers
    assert [shard["shard"] for shard in told["shards"]] == list(range(shards))
    assert all(shard["reached"] for shard in told["shards"])
