"""How HTTP ends with the server."""

from __future__ import annotations

import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from geartrain.errors import SettingsError
from geartrain.protocol.commands import CAN_DO, WORK_COMPLETE
from geartrain.server.settings import settings_from
from tests.support.machine import HOST, wait_until
from tests.support.processes import Program, geartrain_server
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


def test_a_server_that_finishes_answers_until_no_job_is_left() -> None:
    with site() as finishing:
        worker, handle = finishing.connect(), finishing.submits("f")
        finishing.server.process.send_signal(signal.SIGUSR1)
        finishing.server.wait_for_output("finishing")
        assert finishing.gets(f"/jobs/{handle}")["state"] == "queued"
        worker.says(CAN_DO, b"f")
        assert worker.waits_for_a_job()[0] == handle.encode()
        worker.says(WORK_COMPLETE, handle.encode(), b"")
        assert finishing.server.wait() == 0


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


@pytest.mark.parametrize(
    "where", ["nonsense", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", "::1:80", ":80", "unix:"]
)
def test_a_place_that_is_none_is_refused(where: str) -> None:
    with pytest.raises(SettingsError, match="--http wants ADDR:PORT"):
        settings_from({"http": (where,)}, {}, {})


@pytest.mark.parametrize("path", ["geartrain", "/a b", "/a//b", "/\u00e9", "/../x?"])
def test_a_prefix_that_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(SettingsError, match="--http-prefix wants a path"):
        settings_from({"http-prefix": path}, {}, {})


def test_a_prefix_may_end_with_a_slash_and_be_none() -> None:
    assert settings_from({"http-prefix": "/a/b-c/"}, {}, {}).http_prefix == "/a/b-c"
    assert settings_from({"http-prefix": "/"}, {}, {}).http_prefix == ""


@pytest.mark.parametrize("name", ["", "a b", "http://a", "a:80", "\u00e9"])
def test_a_name_that_is_no_hosts_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="--http-name wants the name of a host"):
        settings_from({"http-name": (name,)}, {}, {})


def test_a_port_that_is_taken_is_said_at_the_start() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        where = f"{HOST}:{taken.getsockname()[1]}"
        options = ("--listen", HOST, "--port", "0", "--store", "memory:", "--http", where)
        with Program(sys.executable, "-m", "geartrain", "server", *options) as program:
            assert program.wait() == 2
            assert f"cannot listen on {where}" in program.output()
