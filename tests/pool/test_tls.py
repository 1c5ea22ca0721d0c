"""Servers of a pool that reach one another in TLS."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

from geartrain import TLS, Client, JobHandle, Worker, WorkerJob
from tests.support.engines import EngineSet
from tests.support.machine import HOST, free_port, wait_until
from tests.support.pools import Pool, about, knows_leaders
from tests.support.processes import ServerProgram
from tests.support.tls import Authority, Files, TlsProgram, shared, trusting

LARGE = bytes(range(256)) * 100_000


class Members:
    """Servers with a plain port and one for TLS each, of which the others are told."""

    def __init__(self, members: Pool) -> None:
        self.members = members
        self.tls_ports: dict[ServerProgram, int] = {}

    def add(self, own: Files, *options: str, host: str = HOST) -> ServerProgram:
        port = free_port()
        where = ("--listen-tls", f"{HOST}:{port}", "--pool-address", f"tls://{host}:{port}")
        server = self.members.add(*where, *own.server_options, *options)
        self.tls_ports[server] = port
        return server


def addresses_in(server: ServerProgram) -> set[object]:
    """Where the servers of a server's pool are."""
    return {row["address"] for row in about(server) if "id" in row}


def test_links_are_in_tls_and_carry_jobs_both_ways(engine: EngineSet, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("own", HOST)
    tls: dict[str, Any] = {"tls": TLS(authority.ca, own.certificate, own.key), "timeout": 30.0}
    made = Members(Pool(f"{engine.url}?namespace=tls"))
    with made.members.stack:
        first, second = (made.add(own, "--tls-client-ca", authority.ca) for _ in range(2))
        for server in (first, second):
            wait_until(partial(knows_leaders, server), "the leader is reached")
        ports = made.tls_ports.values()
        wait_until(
            lambda: addresses_in(first) == {f"tls://{HOST}:{port}" for port in ports}, "both are known"
        )
        here, there = (f"tls://{HOST}:{made.tls_ports[server]}" for server in (first, second))
        worker = Worker(there, tls=tls["tls"])

        def reverse(job: WorkerJob) -> bytes:
            return job.workload[::-1]

        worker.add_function("reverse", reverse)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            with Client(here, **tls) as client, Client(there, **tls) as other:
                assert client.do("reverse", LARGE) == LARGE[::-1]
                assert other.do("reverse", LARGE) == LARGE[::-1]
                handles = client.submit_many("reverse", [b"x"] * 1000)
                wait_until(lambda: other.job_status(JobHandle(handles[-1])).done, "all are done")
        finally:
            worker.stop()
            thread.join()


def test_a_server_that_is_not_what_its_address_says_is_not_believed(
    engine: EngineSet, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    right = authority.issue("right", "localhost", HOST)
    made = Members(Pool(f"{engine.url}?namespace=tls-wrong"))
    with made.members.stack:
        trusted = ("--tls-client-ca", authority.ca, "--tls-client", "optional")
        leader = made.add(authority.issue("wrong", "elsewhere.example"), *trusted)
        wait_until(lambda: knows_leaders(leader), "the first one leads")
        front = made.add(right, *trusted)
        front.wait_for_output("a leader is not reached")
        assert "its certificate is for another address" in front.output()


class TlsOnly(TlsProgram):
    """A member of a pool that has no plain port."""

    def __init__(self, url: str) -> None:
        super().__init__("--store", url, "--ssl-ca-file", shared().authority.ca)


def test_a_server_that_speaks_only_tls_is_reached_so(engine: EngineSet) -> None:
    url = f"{engine.url}?namespace=tls-only"
    with TlsOnly(url) as first, TlsOnly(url) as second:
        for server in (first, second):
            wait_until(partial(knows_leaders, server), "the leader is reached")
        with Client(second.address, tls=trusting(), timeout=30.0) as client:
            assert client.do_background("kept", b"x")
        worker = Worker(first.address, tls=trusting(), max_jobs=1)
        worker.add_function("kept", lambda job: None)
        worker.run()
