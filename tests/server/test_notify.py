"""What a service manager hears of the server: systemd's protocol, on a real socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from geartrain.errors import SettingsError
from geartrain.protocol.commands import SUBMIT_JOB_BG
from geartrain.server.notify import Notifier
from tests.server.links import Link, held
from tests.support.machine import DEADLINE, HOST
from tests.support.manager import Manager
from tests.support.processes import GeartrainProgram

MICROSECONDS = 1_000_000


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with Manager(tmp_path) as each:
        yield each


def test_the_server_says_that_it_starts_and_when_it_is_ready(manager: Manager) -> None:
    with GeartrainProgram(environment=manager.environment()) as server:
        assert manager.hears()["STATUS"] == "starting"
        ready = manager.waits_for("READY")
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(server.pid))
        assert ready["STATUS"].endswith(" connections")


def test_a_manager_may_have_its_socket_in_the_abstract(tmp_path: Path) -> None:
    with Manager(tmp_path, abstract=True) as manager, GeartrainProgram(environment=manager.environment()):
        assert manager.waits_for("READY")


@pytest.mark.one_server("a server of a pool counts the jobs of the shards that it leads")
def test_the_status_tells_jobs_and_connections(manager: Manager) -> None:
    environment = manager.environment(WATCHDOG_USEC=str(MICROSECONDS // 5))
    with GeartrainProgram(environment=environment) as server, Link(server.connect()) as link:
        link.submits(SUBMIT_JOB_BG, b"reverse")
        while manager.waits_for("STATUS")["STATUS"] != "1 jobs, 1 connections":
            pass


def test_a_server_that_starts_asks_for_time_and_one_that_runs_does_not(manager: Manager) -> None:
    environment = manager.environment(WATCHDOG_USEC=str(MICROSECONDS // 5))
    with GeartrainProgram(environment=environment):
        assert int(manager.hears()["EXTEND_TIMEOUT_USEC"]) >= 10 * MICROSECONDS
        manager.waits_for("READY")
        assert "EXTEND_TIMEOUT_USEC" not in manager.waits_for("WATCHDOG")


def test_signs_of_life_come_from_the_loop_so_a_server_that_hangs_gives_none(manager: Manager) -> None:
    with GeartrainProgram(environment=manager.environment(WATCHDOG_USEC=str(MICROSECONDS // 5))) as server:
        manager.waits_for("READY")
        assert manager.waits_for("WATCHDOG")["WATCHDOG"] == "1"
        with held(server):
            assert manager.hears_nothing(0.5)
        assert manager.waits_for("WATCHDOG")


def test_the_watchdog_of_another_process_is_not_fed(manager: Manager) -> None:
    environment = manager.environment(WATCHDOG_USEC="100000", WATCHDOG_PID="1")
    with GeartrainProgram(environment=environment):
        manager.waits_for("READY")
        assert manager.hears_nothing(0.5)


def test_sighup_is_a_reload_with_its_time_and_then_ready_again(manager: Manager) -> None:
    with GeartrainProgram(environment=manager.environment()) as server:
        manager.waits_for("READY")
        before = time.monotonic_ns() // 1000
        server.hang_up()
        assert int(manager.waits_for("RELOADING")["MONOTONIC_USEC"]) >= before
        assert manager.waits_for("READY")


def test_a_configuration_that_is_refused_shows_in_the_status_until_it_is_mended(
    manager: Manager, tmp_path: Path
) -> None:
    file = tmp_path / "geartrain.toml"
    file.write_text("")
    with GeartrainProgram("--config", str(file), environment=manager.environment()) as server:
        manager.waits_for("READY")
        file.write_text("port = 'x y'")
        server.hang_up()
        assert "the configuration is refused" in manager.waits_for("READY")["STATUS"]
        file.write_text("")
        server.hang_up()
        assert "refused" not in manager.waits_for("READY")["STATUS"]


def test_a_server_that_ends_says_so_and_asks_for_time_while_jobs_run(manager: Manager) -> None:
    environment = manager.environment(WATCHDOG_USEC=str(MICROSECONDS // 5))
    with (
        GeartrainProgram("--grace", "100", environment=environment) as server,
        Link(server.connect()) as link,
    ):
        link.submits(SUBMIT_JOB_BG, b"reverse")
        link.grabs(b"reverse")
        manager.waits_for("READY")
        server.process.send_signal(signal.SIGTERM)
        assert "EXTEND_TIMEOUT_USEC" in manager.waits_for("STOPPING")
        assert "EXTEND_TIMEOUT_USEC" in manager.waits_for("WATCHDOG")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0


def test_no_child_of_the_server_can_speak_for_it(manager: Manager) -> None:
    with GeartrainProgram(environment=manager.environment(WATCHDOG_USEC="30000000")) as server:
        manager.waits_for("READY")
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for child in children:
            names = [
                entry.split(b"=")[0] for entry in Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
            ]
            assert not {b"NOTIFY_SOCKET", b"WATCHDOG_USEC"} & set(names)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"NOTIFY_SOCKET": "notify"}, "NOTIFY_SOCKET wants an absolute path or @NAME, got 'notify'"),
        (
            {"NOTIFY_SOCKET": "/no/socket"},
            "cannot reach NOTIFY_SOCKET /no/socket: No such file or directory",
        ),
        ({"WATCHDOG_USEC": "1s"}, "WATCHDOG_USEC wants a number of microseconds, got '1s'"),
    ],
)
def test_an_environment_that_no_manager_made_is_one_line_and_status_2(
    environment: dict[str, str], message: str
) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "geartrain", "server", "--listen", HOST, "--port", "0", "--store", "memory:"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env={**os.environ, **environment},
    )
    assert (ended.returncode, ended.stderr) == (2, f"geartrain: {message}\n")


def test_a_message_that_the_manager_cannot_take_comes_with_a_later_one(manager: Manager) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        with suppress(BlockingIOError):
            while other.sendto(b"FROM=another", manager.address):
                pass
        notifier = Notifier({"NOTIFY_SOCKET": manager.address})
        notifier.is_ready()
        assert manager.hears_nothing(0.01)
        notifier.tell("STATUS=later")
        notifier.end()
    assert [sorted(manager.hears()) for _ in range(3)] == [
        ["EXTEND_TIMEOUT_USEC", "STATUS"],
        ["MAINPID", "READY", "STATUS"],
        ["STATUS"],
    ]


def test_without_a_manager_nothing_is_said() -> None:
    notifier = Notifier({})
    notifier.is_ready()
    notifier.end()
    with pytest.raises(SettingsError, match="got '0'"):
        Notifier({"WATCHDOG_USEC": "0"})
