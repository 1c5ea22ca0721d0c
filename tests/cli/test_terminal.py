"""A terminal obeys nothing that a peer chose: neither escape sequences, nor C1, nor what hides or turns text."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from rich.console import Console

import geartrain.cli
from geartrain import Admin
from geartrain.cli.board import Board
from geartrain.cli.screen import draw
from geartrain.cli.tail import Lines
from geartrain.protocol.commands import (
    CAN_DO,
    ERROR,
    SET_CLIENT_ID,
    SUBMIT_JOB_BG,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from geartrain.protocol.packet import response
from tests.cli.program import Shop
from tests.server.links import links_to
from tests.support.machine import DEADLINE, HOST, wait_until
from tests.support.processes import geartrain_server

HOSTILE = "\x1b]52;c;UFdORUQ=\x07\x9b31m\u202e\u200b\u2028[bold]"
ESCAPED = rb"\x1b]52;c;UFdORUQ=\x07\x9b31m\u202e\u200b"  # lines are put together in messages
NAME = HOSTILE.encode()
FUNCTION = b"f" + NAME
SHOWN = r"\x1b]52;c;UFdORUQ=\x07\x9b31m\u202e\u200b\u2028[bold]"
OBEYED = [sign.encode() for sign in ("\x1b]", "\x07", "\x9b", "\u202e", "\u200b", "\u2028")]

EACH = """
import json, sys
from geartrain.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as end:
        print("status", end.code, flush=True)
"""


def on_a_terminal(server: str, *commands: list[str]) -> bytes:
    """What a terminal gets of commands that are run one after the other."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "500", "GEARMAN_SERVERS": server}
    program = [sys.executable, "-c", EACH, json.dumps(commands)]
    process = subprocess.Popen(program, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    got = b"".join(pieces(ours))
    os.close(ours)
    process.wait(DEADLINE)
    return got


def pieces(terminal: int) -> Iterator[bytes]:
    """What is written to a terminal until its other end is closed."""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # EIO
            return
        yield piece


@pytest.fixture(scope="module")
def hostile() -> Iterator[Shop]:
    """A server whose function, job, worker, dead letter and waiting job are named to fool a terminal."""
    with geartrain_server() as server, links_to(server) as connect:
        server.ask('policy * {"dead_letter":true}')
        worker, client = connect(), connect()
        worker.says(SET_CLIENT_ID, b"id" + NAME)
        for _ in range(2):
            client.asks(SUBMIT_JOB_BG, FUNCTION, b"u" + NAME, NAME)
            handle = worker.grabs(FUNCTION)[0]
            worker.says(WORK_FAIL, handle)
            worker.knows_that_server_has_heard()
        client.asks(SUBMIT_JOB_BG, FUNCTION, b"u" + NAME, NAME)
        worker.grabs()
        yield Shop(server)


def assert_nothing_is_obeyed(got: bytes) -> None:
    for sign in OBEYED:
        assert sign not in got, got


def test_no_table_and_no_line_of_a_command_is_obeyed(hostile: Shop) -> None:
    handle = hostile.run("jobs", "--json").rows[0]["handle"]
    got = on_a_terminal(
        hostile.server.address,
        ["functions"],
        ["functions", "show", FUNCTION.decode()],
        ["functions", "pause", FUNCTION.decode()],
        ["functions", "set", FUNCTION.decode(), "timeout=60"],
        ["workers"],
        ["workers", "drain", "id" + HOSTILE],
        ["jobs"],
        ["jobs", "show", handle],
        ["jobs", "workload", handle],
        ["dead"],
        ["doctor", "--server", hostile.server.address],
        ["submit", "-b", FUNCTION.decode(), HOSTILE],
        ["status", "--unique", "u" + HOSTILE],
        ["jobs", "show", HOSTILE],
        ["functions", HOSTILE],
        ["schedules", "run", HOSTILE],
        ["wait", HOSTILE],
    )
    assert_nothing_is_obeyed(got)
    assert got.count(SHOWN.encode()) >= 15, got.decode()
    assert got.count(b"status") >= 15


def test_json_is_exempt_and_has_the_name_as_it_is(hostile: Shop) -> None:
    assert FUNCTION.decode() in [row["function"] for row in hostile.run("functions", "--json").rows]


def test_top_obeys_no_name(hostile: Shop) -> None:
    board = Board([Admin(hostile.server.address)])
    try:
        for keys in ("1", "2", "c", "n", "3", "d"):
            board.press(keys)
            board.look(0.0)
            console = Console(width=300, height=24, force_terminal=True, color_system=None)
            with console.capture() as captured:
                console.print(draw(board, 24), end="")
            assert_nothing_is_obeyed(captured.get().encode())
            assert SHOWN in captured.get() or "H:" in captured.get()
    finally:
        board.close()


def test_tail_obeys_no_event(capsys: pytest.CaptureFixture[str]) -> None:
    row = {
        "at": 0.0,
        "kind": "failed" + HOSTILE,
        "handle": "H" + HOSTILE,
        "function": HOSTILE,
        "unique": HOSTILE,
        "worker": HOSTILE,
        "attempts": 2,
        "reason": HOSTILE,
        "text": HOSTILE,
    }
    lines = Lines(several=True)
    lines.event("server" + HOSTILE, row)
    lines.gap("server" + HOSTILE, None)
    got = capsys.readouterr().out
    assert_nothing_is_obeyed(got.encode())
    assert got.count("\n") == 2


def test_a_job_that_is_followed_shows_its_result_and_warnings_and_obeys_none(hostile: Shop) -> None:
    with links_to(hostile.server) as connect:
        worker = connect()
        worker.says(CAN_DO, b"followed")

        def work() -> None:
            for last in (WORK_COMPLETE, WORK_EXCEPTION):
                handle = worker.waits_for_a_job()[0]
                worker.says(WORK_STATUS, handle, b"1", b"2")
                worker.says(WORK_WARNING, handle, NAME)
                worker.says(WORK_DATA, handle, "Größe\t1\n".encode()[:3])
                worker.says(WORK_DATA, handle, "Größe\t1\n".encode()[3:] + NAME + b"\xff")
                worker.says(last, handle, NAME)
            worker.says(WORK_FAIL, handle)

        thread = Thread(target=work)
        thread.start()
        submit = ["submit", "followed", "x"]
        got = on_a_terminal(hostile.server.address, submit, [*submit, "--follow"])
        thread.join(DEADLINE)
    assert_nothing_is_obeyed(got)
    assert got.count("Größe".encode()) == 1
    assert b"Gr\r\n" in got  # a line for each piece while a bar is drawn
    assert "öße\t1".encode() in got
    assert got.count(ESCAPED) >= 6, got.decode()
    assert rb"\xff" in got


def test_a_result_in_a_pipe_is_the_bytes_that_it_is(hostile: Shop) -> None:
    with hostile.worker("-f", "echoes", "--", "cat"):
        wait_until(lambda: "echoes" in hostile.server.ask("status"), "the worker is connected")
        result = hostile.run("submit", "echoes", stdin=NAME + b"\xff\0").stdout
    assert result.encode("utf-8", "surrogateescape") == NAME + b"\xff\0"


def test_what_another_server_answers_is_not_obeyed() -> None:
    """One that refuses everything, in words to fool a terminal."""
    with ThreadingTCPServer((HOST, 0), Refusal) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        address = f"{HOST}:{server.server_address[1]}"
        commands = [["functions"], ["workers"], ["submit", "f", "x"], ["status", "H:x:1"], ["pool"]]
        got = on_a_terminal(address, *commands, ["doctor", "--server", address])
        server.shutdown()
    assert_nothing_is_obeyed(got)
    assert got.count(ESCAPED) >= 5, got.decode()


class Refusal(BaseRequestHandler):
    """One connection to a server that refuses whatever comes."""

    def handle(self) -> None:
        while said := self.request.recv(65536):
            refusal = response(ERROR, b"E" + NAME, NAME)
            packets = said.count(b"\0REQ")
            self.request.sendall(refusal * packets or b"ERR E" + NAME + b"\r\n")


def test_no_command_prints_a_text_that_it_made_of_others_but_by_print_line() -> None:
    for path in sorted(Path(geartrain.cli.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "click.echo" and node.args:
                made = any(isinstance(part, ast.FormattedValue) for part in ast.walk(node.args[0]))
                assert not made or path.name == "commands.py", f"{path.name}: {ast.unparse(node)}"
