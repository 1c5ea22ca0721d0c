"""``geartrain tail``."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from geartrain.protocol.commands import ECHO_REQ, SUBMIT_JOB_BG
from geartrain.protocol.packet import request
from tests.cli.program import PROGRAM, Shop
from tests.support.machine import DEADLINE, wait_until
from tests.support.processes import Program, geartrain_server


@contextmanager
def tail(shop: Shop, *words: str) -> Iterator[Program]:
    """A tail that watches already."""
    with Program(*PROGRAM, "tail", "--server", shop.server.address, *words) as program:
        program.wait_for_output(f"watching {shop.server.address}\n")
        yield program


def rows(program: Program) -> list[Any]:
    """What was written as JSON so far, without a last line that is not whole."""
    return [json.loads(line) for line in program.output().split("\n")[:-1] if line.startswith("{")]


def test_each_event_is_a_line_from_now_on(shop: Shop) -> None:
    shop.run("submit", "capitals", "before", "-b")
    with tail(shop, "capitals") as program:
        handle = shop.run("submit", "capitals", "x", "-b", "--unique", "tailed").stdout.strip()
        shop.run("submit", "elsewhere", "x", "-b")
        program.wait_for_output(f"completed {handle}")
        lines = [line.split() for line in program.output().splitlines() if handle in line]
        assert [line[1] for line in lines] == ["submitted", "started", "completed"]
        assert lines[0][2:] == [handle, "capitals", "unique=tailed"]
        assert "elsewhere" not in program.output()


def test_as_json_each_event_is_an_object_that_says_why_jobs_fail(shop: Shop) -> None:
    with tail(shop, "--json") as program:
        handle = shop.run("submit", "capitals", "bad", "-b").stdout.strip()
        wait_until(lambda: "failed" in [row["kind"] for row in rows(program)], "the job has failed")
        of_job = [row for row in rows(program) if row["handle"] == handle]
    assert [row["kind"] for row in of_job][:2] == ["submitted", "started"]
    assert of_job[-1]["reason"] in ("fail", "exception")
    assert {row["server"] for row in of_job} == {shop.server.address}


def test_more_events_than_a_server_remembers_are_counted(shop: Shop) -> None:
    with tail(shop, "counted", "--json") as program:
        program.process.send_signal(signal.SIGSTOP)
        with shop.server.connect() as client:
            client.sendall(request(SUBMIT_JOB_BG, b"counted", b"", b"x") * 4200 + request(ECHO_REQ, b"end"))
            received = b""
            while not received.endswith(b"end"):
                received += client.recv(65536)
        program.process.send_signal(signal.SIGCONT)
        wait_until(lambda: len(rows(program)) == 4097, "all that is remembered was told")
        assert rows(program)[0] == {"server": shop.server.address, "missed": 104}
    shop.run("functions", "purge", "counted")


def test_it_goes_on_when_a_server_comes_back() -> None:
    with geartrain_server() as server:
        shop = Shop(server)
        port = server.port
        with tail(shop) as program:
            server.stop()
            wait_until(lambda: program.output().count("\n") == 2, "the server is missed, once")
            with geartrain_server(port=port) as again:
                program.wait_for_output(f"watching {again.address} again")
                program.wait_for_output("more may have happened")
                handle = Shop(again).run("submit", "f", "x", "-b").stdout.strip()
                program.wait_for_output(f"submitted {handle} f ")


def test_a_c_server_has_no_events(c_shop: Shop) -> None:
    ended = c_shop.run("tail")
    assert (ended.status, ended.stdout) == (1, "")
    assert "only Geartrain's own server does" in ended.stderr


def test_a_terminal_shows_colours_and_ctrl_c_ends_it(shop: Shop) -> None:
    ours, terminal = pty.openpty()
    command = [*PROGRAM, "tail", "--server", shop.server.address]
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(terminal)
        seen = b""
        while b"watching" not in seen:
            seen += os.read(ours, 65536)
        shop.run("submit", "capitals", "x", "-b")
        while b"completed" not in seen:
            seen += os.read(ours, 65536)
        assert b"\x1b[32mcompleted" in seen
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
    os.close(ours)
