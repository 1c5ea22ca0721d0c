"""Access rules at a real server: who comes in where, tokens, SIGHUP, and the audit log."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geartrain import Admin, Client, PermissionDenied, Worker
from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    GRAB_JOB,
    JOB_CREATED,
    NO_JOB,
    OPTION_REQ,
    SUBMIT_JOB_BG,
)
from tests.server.links import Link
from tests.support.machine import wait_until
from tests.support.members import follower
from tests.support.processes import GeartrainProgram, ServerProgram

TOKEN = "0123456789abcdef-operator"
RULES = """
[access.roles.team]
submit = ["reverse"]
work = ["reverse"]
view = ["reverse"]

[access.roles.operator]
view = ["*"]
admin = ["*"]

[[access.grants]]
role = "team"
network = "127.0.0.0/8"

[[access.grants]]
role = "operator"
token_file = "{folder}/operator.token"
name = "ada"
"""


@contextmanager
def guarded(folder: Path, *options: str, member: bool = False, rules: str = RULES) -> Iterator[ServerProgram]:
    """A server with rules, alone or as a member of a pool."""
    token = folder / "operator.token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    (folder / "geartrain.toml").write_text(rules.format(folder=folder))
    start = follower if member else GeartrainProgram
    with start("--config", str(folder / "geartrain.toml"), *options) as server:
        yield server


@pytest.mark.parametrize("member", [False, True], ids=["alone", "pool"])
def test_each_peer_may_do_what_its_roles_allow(tmp_path: Path, member: bool) -> None:
    with guarded(tmp_path, member=member) as server:
        with Client(server.address) as client, Admin(server.address) as nobody:
            handle = client.do_background("reverse", b"abc")
            assert client.job_status(handle).known
            with pytest.raises(
                PermissionDenied, match="SUBMIT_JOB_BG wants the right submit on function secret"
            ):
                client.do_background("secret", b"")
            with pytest.raises(PermissionDenied, match="pause wants the right admin on any function"):
                nobody.pause("reverse")
        with Admin(server.address, token=TOKEN) as operator:
            assert [row.function for row in operator.status()] == ["reverse"]
            operator.pause("reverse")
        log = server.output()
        assert "what=SUBMIT_JOB_BG on=secret outcome=refused" in log
        assert "who=token:ada" in log or 'who="network:127.0.0.0/8 token:ada"' in log
        assert "what=pause on=reverse outcome=done" in log
        assert TOKEN not in log


def test_a_worker_is_told_what_it_may_not_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with guarded(tmp_path) as server, Worker(server.address, timeout=0.5) as worker:
        worker.register("secret")
        assert worker.grab(0.5) is None
        assert "CAN_DO wants the right work on function secret" in caplog.text


def test_a_wrong_token_is_refused_after_a_while_and_disturbs_nobody(tmp_path: Path) -> None:
    with guarded(tmp_path) as server:
        with Link(server.connect()) as guesser, Link(server.connect()) as other:
            began = time.monotonic()
            guesser.says(OPTION_REQ, b"token:wrong")
            other.says(SUBMIT_JOB_BG, b"reverse", b"", b"")
            assert other.hears()[0] == JOB_CREATED
            assert time.monotonic() - began < 0.9
            assert guesser.hears() == (ERROR, b"PERMISSION_DENIED", b"the token is none of this server's")
            assert time.monotonic() - began >= 0.9
        with (
            pytest.raises(PermissionDenied, match="the token is none of this server's"),
            Client(server.address, token="wrong") as client,
        ):
            client.ping()
        assert server.output().count("what=token") == 2
        assert "wrong" not in server.output()


def test_rules_are_read_again_for_those_who_are_connected(tmp_path: Path) -> None:
    with guarded(tmp_path) as server, Link(server.connect()) as worker:
        worker.says(CAN_DO, b"reverse")
        worker.says(GRAB_JOB)
        assert worker.hears()[0] == NO_JOB
        narrower = RULES.replace('work = ["reverse"]', "work = []").format(folder=tmp_path)
        (tmp_path / "geartrain.toml").write_text(narrower)
        server.process.send_signal(signal.SIGHUP)
        with Admin(server.address, token=TOKEN) as operator:
            wait_until(lambda: workers_of(operator) == [0], "the ability is taken away")
            (tmp_path / "geartrain.toml").write_text(RULES.format(folder=tmp_path))
            server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: workers_of(operator) == [1], "the ability comes back")
            (tmp_path / "geartrain.toml").write_text("[access]\nroles = 3\n")
            server.process.send_signal(signal.SIGHUP)
            server.wait_for_output("the configuration is refused, the old one holds")
            assert workers_of(operator) == [1]


def workers_of(operator: Admin) -> list[int]:
    return [row.workers for row in operator.status()]


def test_a_listener_has_roles_and_the_audit_log_has_a_file(tmp_path: Path) -> None:
    path, audit = str(tmp_path / "admin.sock"), tmp_path / "audit.log"
    rules = RULES + f'\n[[access.grants]]\nrole = "operator"\nlistener = "unix:{path}"\n'
    options = ("--listen", f"unix:{path}", "--audit-log", str(audit))
    with guarded(tmp_path, *options, rules=rules) as server:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(path)
            link.sendall(b"create function reverse\r\n")
            assert link.recv(100) == b"OK\r\n"
        assert "audit" not in server.output()
        first = audit.read_text()
        assert f"who=listener:unix:{path} host=unix listener=unix:{path}" in first
        assert 'what="create function" on=reverse outcome=done' in first
        audit.rename(tmp_path / "audit.old")
        server.process.send_signal(signal.SIGHUP)
        wait_until(audit.exists, "the file is opened anew")


def test_a_server_without_rules_says_so_where_others_reach_it() -> None:
    everywhere = GeartrainProgram("--listen", "::", "--verbose", "WARNING", "--store", "memory:")
    with everywhere as server:
        server.wait_for_output("whoever reaches this server may do everything: there are no access rules")
    with GeartrainProgram() as server:
        server.wait_for_output("keeping jobs")
        assert "access rules" not in server.output()


def test_a_grant_to_a_listener_that_there_is_not_is_logged(tmp_path: Path) -> None:
    rules = RULES + '\n[[access.grants]]\nrole = "team"\nlistener = "unix:/nowhere"\n'
    with guarded(tmp_path, rules=rules) as server:
        server.wait_for_output("a role is granted to a listener that there is not")


def test_the_third_wrong_token_ends_the_connection(tmp_path: Path) -> None:
    with guarded(tmp_path) as server, Link(server.connect()) as guesser:
        for _ in range(3):
            guesser.says(OPTION_REQ, b"token:wrong")
        assert [guesser.hears()[0] for _ in range(3)] == [ERROR] * 3
        assert guesser.rest() == b""
