"""How HTTP ends with the server."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from geartrain.protocol.commands import CAN_DO, WORK_COMPLETE
from tests.support.machine import HOST, wait_until
from tests.support.processes import geartrain_server
from tests.web.sites import problem, site


def test_streams_of_events_end_when_the_server_stops() -> None:
    with site() as stopping, stopping.listens("GET", "/events") as events:
        stopping.submits("f")
        assert next(events)[0] == "submitted"
        stopping.server.process.send_signal(signal.SIGTERM)
        assert list(events) == []
        assert stopping.server.wait() == 0


def test_who_waits_for_a_running_job_has_its_result_while_the_server_stops() -> None:
    with site() as stopping, ThreadPoolExecutor(1) as threads:
        body = {"function": "f", "wait": 15}
        waiting = threads.submit(stopping.asks, "POST", "/jobs", body)
        worker = stopping.connect()
        worker.says(CAN_DO, b"f")
        handle = worker.waits_for_a_job()[0]
        stopping.server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not listens(stopping.port), "no more requests are taken")
        worker.says(WORK_COMPLETE, handle, b"cat")
        assert waiting.result().json()["result"] == "cat"
        assert stopping.server.wait() == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def test_who_waits_for_a_job_that_does_not_end_is_told_when_the_grace_is_over() -> None:
    with site("--grace", "0.5") as stopping, ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(stopping.asks, "POST", "/jobs", {"function": "f", "wait": 15})
        worker = stopping.connect()
        worker.says(CAN_DO, b"f")
        worker.waits_for_a_job()
        with stopping.listens("POST", "/jobs", {"function": "g"}) as events:
            next(events)
            stopping.server.process.send_signal(signal.SIGTERM)
            assert [kind for kind, _ in events] == ["lost"]
        problem(waiting.result(), 503)
        assert stopping.server.wait() == 0


def test_an_open_connection_that_asks_nothing_does_not_keep_the_server() -> None:
    with site() as stopping, socket.create_connection((HOST, stopping.port)) as link:
        link.sendall(b"GET / HT")
        stopping.gets("/functions")
        assert stopping.server.stop() == 0


def test_http_may_be_on_a_socket_in_the_file_system(tmp_path: Path) -> None:
    path = str(tmp_path / "http.sock")
    with geartrain_server("--http", f"unix:{path}") as server:
        transport = httpx.HTTPTransport(uds=path)
        with httpx.Client(transport=transport, base_url="http://localhost") as http:
            assert http.get("/api/v1/session").json()["host"] == "unix"
        assert server.stop() == 0
    assert not os.path.exists(path)


@pytest.mark.parametrize("where", ["nonsense", "127.0.0.1", "127.0.0.1:http", "::1:80", "unix:"])
def test_a_place_that_is_none_is_refused_at_the_start(where: str) -> None:
    with pytest.raises(AssertionError, match="--http wants"):
        geartrain_server("--http", where)


def test_a_port_that_is_taken_is_said_at_the_start() -> None:
    with site() as there, pytest.raises(AssertionError, match=f"cannot listen on {HOST}:{there.port}"):
        geartrain_server("--http", f"{HOST}:{there.port}")
