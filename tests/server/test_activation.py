"""Socket activation: servers on sockets that are opened, and kept, by whoever starts them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from geartrain import Client
from geartrain.errors import QueueFull, SettingsError
from geartrain.protocol.commands import SUBMIT_JOB_BG
from geartrain.server.activation import sorted_by_purpose, take_activated
from geartrain.server.process import listeners_of
from geartrain.server.settings import Settings
from tests.server.links import Link
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.manager import Manager, listening

RESTARTS = 3
KEEPALIVE = "02"  # in /proc/net/tcp


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path) as each:
        yield each


def test_a_passed_socket_stands_in_for_listen(manager: Manager) -> None:
    with listening("gear") as passed, manager.starts(passed=passed) as server:
        assert server.output().count("message=listening") == 1
        assert server.ask("version").startswith("OK ")


def test_a_socket_without_a_name_is_for_gearman(manager: Manager) -> None:
    unnamed = {"LISTEN_FDNAMES": ""}
    with listening("gear") as passed, manager.starts(passed=passed, environment=unnamed) as server:
        assert server.ask("version").startswith("OK ")


def test_listen_is_beside_passed_sockets_where_it_is_given(manager: Manager) -> None:
    options = ("--listen", HOST, "--port", str(free_port()))
    with listening("gear", "gear") as passed, manager.starts(*options, passed=passed) as server:
        wait_until(lambda: server.has_written("message=listening", 3), "it listens on three sockets")


def test_a_connection_from_before_the_start_is_probed_as_any_other(manager: Manager) -> None:
    with (
        listening("gear") as passed,
        socket.create_connection(passed[0][1].getsockname(), DEADLINE) as early,
        manager.starts(passed=passed),
    ):
        Link(early).knows_that_server_has_heard()
        assert timer_of(passed[0][1], early) == KEEPALIVE


def timer_of(listener: socket.socket, peer: socket.socket) -> str:
    """The timer of the server's end of a connection, as the system tells it."""
    ports = [f":{each.getsockname()[1]:04X}" for each in (listener, peer)]
    for line in Path("/proc/net/tcp").read_text().splitlines():
        words = line.split()
        if [words[1][-5:], words[2][-5:]] == ports:
            return words[5].partition(":")[0]
    raise AssertionError("there is no such connection")


def test_a_restart_refuses_nobody_and_loses_no_job(manager: Manager) -> None:
    with listening("gear") as passed:
        crowd = Crowd(passed[0][1].getsockname()[1])
        threads = [threading.Thread(target=crowd.connect_again_and_again, daemon=True) for _ in range(2)]
        threads.append(threading.Thread(target=crowd.submit_again_and_again, daemon=True))
        server = manager.starts(passed=passed)
        for thread in threads:
            thread.start()
        for _ in range(RESTARTS):
            crowd.goes_on()
            assert server.stop() == 0
            crowd.waits()
            server = manager.starts(passed=passed)
        crowd.goes_on()
        crowd.over.set()
        for thread in threads:
            thread.join(DEADLINE)
        with server:
            assert crowd.refusals == []
            queued = {line.split("\t")[0] for line in server.ask("show jobs").splitlines()}
            assert set(crowd.handles) <= queued


class Crowd:
    """Those who do not know that the server restarts."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.over = threading.Event()
        self.connected = 0
        self.refusals: list[OSError] = []
        self.handles: list[str] = []

    def connect_again_and_again(self) -> None:
        """Be a peer for a moment, each time with a new connection."""
        while not self.over.is_set():
            try:
                with socket.create_connection((HOST, self.port), DEADLINE) as link:
                    link.sendall(b"version\n")
                    link.recv(100)
                    self.connected += 1
            except ConnectionRefusedError as error:
                self.refusals.append(error)
            except ConnectionError:
                continue  # connected to the server that ended

    def submit_again_and_again(self) -> None:
        """Queue jobs, each by a new client; one that a stopping server does not take is submitted again."""
        while not self.over.is_set():
            with Client(f"{HOST}:{self.port}") as client, suppress(QueueFull):
                self.handles.append(client.do_background("reverse", str(len(self.handles))))

    def goes_on(self) -> None:
        """Wait until a good deal has happened."""
        jobs, connections = len(self.handles) + 20, self.connected + 50
        wait_until(lambda: len(self.handles) >= jobs and self.connected >= connections, "jobs are queued")

    def waits(self) -> None:
        """See to it that somebody has connected while no server was there."""
        with socket.create_connection((HOST, self.port), DEADLINE):
            pass


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_sockets_are_sorted_by_what_they_are_for(family: int, tmp_path: Path) -> None:
    listener = socket.socket(family)
    listener.bind(str(tmp_path / "gear") if family == socket.AF_UNIX else (HOST, 0))
    listener.listen()
    number = listener.detach()
    (taken,) = sorted_by_purpose([(number, "http")])["http"]
    with taken:
        assert (taken.fileno(), taken.getblocking(), taken.get_inheritable()) == (number, False, False)


def test_a_socket_that_nobody_can_listen_on_is_refused() -> None:
    with socket.socket() as silent, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        for number, reason in (
            (silent.detach(), "it does not listen (Accept=no is expected)"),
            (datagrams.detach(), "it is of <SocketKind.SOCK_DGRAM: 2>"),
        ):
            with pytest.raises(SettingsError) as refusal:
                sorted_by_purpose([(number, "gear")])
            assert str(refusal.value).endswith(f"is no listening TCP or UNIX stream socket: {reason}")
    with open(__file__) as file, pytest.raises(SettingsError, match="Socket operation on non-socket"):
        sorted_by_purpose([(file.fileno(), "gear")])


def test_a_socket_of_another_name_is_refused() -> None:
    with pytest.raises(SettingsError) as refusal:
        sorted_by_purpose([(3, "geartrain.socket")])
    wanted = "expected one of gear, tls, http (FileDescriptorName=)"
    assert str(refusal.value) == f"the passed socket 3 is named 'geartrain.socket'; {wanted}"


def test_a_socket_for_http_is_served_as_http(manager: Manager) -> None:
    with listening("gear", "http") as passed, manager.starts(passed=passed):
        host, port = passed[1][1].getsockname()
        with urlopen(f"http://{host}:{port}/livez") as answer:
            assert answer.status == 200


def test_a_socket_for_tls_wants_a_certificate() -> None:
    with listening("tls") as passed:
        activated = sorted_by_purpose([(passed[0][1].detach(), "tls")])
    with activated["tls"][0] as listener:
        with pytest.raises(SettingsError, match="wants --tls-certificate FILE"):
            listeners_of(Settings(), activated)
        assert listeners_of(Settings(tls_certificate="server.pem"), activated) == [listener]
        assert listener.tls


def test_what_is_passed_to_another_process_is_left_alone() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "1"}
    assert take_activated(environment) == {}
    assert environment == {}


def test_a_socket_activated_server_takes_jobs_that_came_before_it(manager: Manager) -> None:
    with (
        listening("gear") as passed,
        Link(socket.create_connection(passed[0][1].getsockname(), DEADLINE)) as link,
        manager.starts(passed=passed),
    ):
        assert link.submits(SUBMIT_JOB_BG, b"reverse")
