"""The server as a process: its start, its signals, its end."""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from geartrain.protocol.commands import CAN_DO, GRAB_JOB, JOB_ASSIGN, SUBMIT_JOB_BG, WORK_COMPLETE
from geartrain.protocol.packet import request
from geartrain.store.schema import owner_of
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, geartrain_server


def start(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself."""
    with TemporaryDirectory() as state:
        return subprocess.run(
            [sys.executable, "-m", "geartrain", "server", *options],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            env={**os.environ, "STATE_DIRECTORY": state, **environment},
        )


def hear(link: socket.socket, size: int) -> bytes:
    heard = b""
    while len(heard) < size and (more := link.recv(65536)):
        heard += more
    return heard


def begin_job(server: ServerProgram) -> socket.socket:
    """A worker that has just been given a job, which was submitted in the background."""
    worker = server.connect()
    worker.sendall(
        request(SUBMIT_JOB_BG, b"reverse", b"", b"abc") + request(CAN_DO, b"reverse") + request(GRAB_JOB)
    )
    assert JOB_ASSIGN.to_bytes(4) in hear(worker, 40)
    return worker


def handle_of_job(server: ServerProgram) -> bytes:
    return server.ask("show jobs").split("\t")[0].encode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--port", "x"], "--port wants a port"),
        (["--no-such-option"], "No such option '--no-such-option'"),
        (["position"], "unexpected extra argument (position)"),
        (["--config", "/no/such.toml"], "cannot read /no/such.toml: No such file or directory"),
        (["--config-file", "/no/such.conf"], "cannot read /no/such.conf"),
        (
            ["--listen", HOST, "--port", "0", "--pid-file", "/no/pid"],
            "cannot write the process id to /no/pid",
        ),
        (["--file-descriptors", "99999999999"], "--file-descriptors wants at most"),
    ],
)
def test_a_start_that_cannot_succeed_is_one_line_and_status_2(options: list[str], message: str) -> None:
    ended = start(*options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_status_2(server: ServerProgram) -> None:
    ended = start("--listen", HOST, GEARMAND_PORT=str(server.port))
    assert ended.returncode == 2
    assert ended.stderr == f"geartrain: cannot listen on {server.address}: Address already in use\n"


def test_every_option_of_gearmand_is_taken_and_one_without_effect_is_named_once() -> None:
    options = ["-b", "32", "-t", "4", "-R", "-j", "3", "-w", "1", "--hashtable-buckets=991", "--keepalive"]
    with geartrain_server(*options, "--verbose", "INFO", "--job-handle-prefix", "H:x") as server:
        server.wait_for_output("option=keepalive")
        assert server.output().count("option=threads") == 1
        assert server.ask("verbose") == "OK INFO\n"


def test_options_come_from_a_file_of_gearmands_form(tmp_path: Path) -> None:
    file = tmp_path / "gearmand.conf"
    file.write_text("--verbose=DEBUG\n-t 4 --job-retries=2\n")
    with geartrain_server("--config-file", str(file)) as server:
        assert server.ask("verbose") == "OK DEBUG\n"
    file.write_text("--job-retries=many")
    assert start("--config-file", str(file)).stderr.startswith(
        f"geartrain: {file}: --job-retries wants a number from -1 to 255, got 'many'"
    )
    file.write_text("--nonsense")
    assert start("--config-file", str(file)).stderr.startswith(
        f"geartrain: {file}: No such option '--nonsense'"
    )


def test_check_args_starts_nothing(server: ServerProgram) -> None:
    assert start("--check-args", "--listen", HOST, "--port", str(server.port)).returncode == 0


@pytest.mark.one_server("a server of a pool says first what it leads")
def test_the_first_line_of_the_log_says_where_the_server_listens() -> None:
    with geartrain_server("--log-format", "json") as server:
        server.wait_for_output("listening")
        event = json.loads(server.output().splitlines()[0])
    assert (event["message"], event["address"], event["level"]) == ("listening", server.address, "NOTICE")


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_an_idle_server_ends_at_once_with_status_0(server: ServerProgram, by: signal.Signals) -> None:
    assert server.end(by) == 0


def test_a_running_job_may_end_before_the_server_does(server: ServerProgram) -> None:
    worker = begin_job(server)
    handle = handle_of_job(server)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_output("message=stopping")
    assert server.running()
    worker.sendall(request(WORK_COMPLETE, handle, b"cba"))
    assert server.process.wait(DEADLINE) == 0
    worker.close()


def test_a_second_signal_ends_the_server_at_once() -> None:
    with geartrain_server("--grace", "1000") as server, begin_job(server):
        server.process.send_signal(signal.SIGTERM)
        server.wait_for_output("message=stopping grace=1000")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) == 0


def test_sigusr1_ends_the_server_when_no_job_is_left(server: ServerProgram) -> None:
    worker = begin_job(server)
    handle = handle_of_job(server)
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: not server.accepts(), "the listener is closed")
    assert server.running()
    worker.sendall(request(WORK_COMPLETE, handle, b"cba"))
    assert server.process.wait(DEADLINE) == 0
    worker.close()


def test_sighup_opens_the_log_anew(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with geartrain_server("--log-file", str(file)) as server:
        wait_until(lambda: file.exists() and "listening" in file.read_text(), "the log is written")
        file.rename(tmp_path / "log.1")
        server.hang_up()
        wait_until(file.exists, "the log is opened anew")
        server.stop()
    assert "message=ended" in file.read_text()


def test_sighup_reads_the_policies_again(tmp_path: Path) -> None:
    file = tmp_path / "geartrain.toml"
    file.write_text("[functions.reverse]\nmax_queue = 1\n")
    with geartrain_server("--config", str(file)) as server:
        assert server.ask("policy reverse") == policy_line({"high": 1, "normal": 1, "low": 1})
        file.write_text("[functions.reverse]\nmax_queue = 'many'\n")
        server.hang_up()
        server.wait_for_output("the configuration is refused, the old one holds")
        assert f'{file}: [functions.\\"reverse\\"] max_queue wants a number' in server.output()
        assert server.ask("policy reverse") == policy_line({"high": 1, "normal": 1, "low": 1})
        file.write_text('[functions."*"]\nmax_queue = { low = 2 }\n')
        server.hang_up()
        server.wait_for_output("configuration read again")
        assert server.ask("policy reverse") == policy_line({"low": 2})


def policy_line(max_queue: dict[str, int]) -> str:
    row = {"function": "reverse", "policy": {"max_queue": max_queue}, "set": {}}
    return f"{json.dumps(row)}\n.\n"


def test_a_wrong_policy_is_one_line_and_status_2(tmp_path: Path) -> None:
    file = tmp_path / "geartrain.toml"
    file.write_text('[functions."thumb*"]\ntimeout = -1\n')
    ended = start("--config", str(file), "--check-args")
    wanted = '[functions."thumb*"] timeout wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got -1'
    assert (ended.returncode, ended.stderr) == (2, f"geartrain: {file}: {wanted}\n")


def test_a_unix_socket_takes_clients_and_is_gone_after_the_end(tmp_path: Path) -> None:
    path = tmp_path / "gear"
    with geartrain_server("--listen", f"unix:{path}") as server:
        server.wait_for_output(str(path))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"version\n")
            assert client.recv(100).startswith(b"OK ")
        server.stop()
    assert not path.exists()


def test_a_daemon_leaves_its_starter_and_is_known_by_its_pid_file(tmp_path: Path) -> None:
    pid_file, port = tmp_path / "pid", free_port()
    started = start(
        "-d",
        "-L",
        HOST,
        "-p",
        str(port),
        "-P",
        str(pid_file),
        "-l",
        str(tmp_path / "log"),
        "--verbose",
        "INFO",
        "--store",
        f"sqlite:{tmp_path}/jobs.db",
    )
    assert (started.returncode, started.stderr) == (0, "")
    wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), "the process id is written")
    pid = int(pid_file.read_text())
    with socket.create_connection((HOST, port), DEADLINE) as link:
        link.sendall(b"getpid\n")
        assert link.recv(100) == b"OK %d\n" % pid
    assert owner_of(f"{tmp_path}/jobs.db") == pid
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not pid_file.exists(), "the server has ended")


def test_only_root_can_make_the_server_another_user() -> None:
    if os.geteuid() != 0:
        assert start("--user", "nobody").stderr.startswith("geartrain: --user wants to be given by root")
        return
    with geartrain_server("--user", "nobody") as server:
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
