"""``geartrain top``."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from geartrain import Admin
from geartrain.cli.board import Board
from geartrain.cli.keyboard import keys_of
from geartrain.cli.rates import Rates
from geartrain.cli.screen import draw
from tests.cli.program import PROGRAM, Shop
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import geartrain_server


@pytest.fixture
def own_shop() -> Iterator[Shop]:
    """A server of the test's own, with a worker that does ``sleeps``."""
    with geartrain_server() as server:
        shop = Shop(server)
        with shop.worker("-f", "sleeps", "--", "sleep", "30"):
            wait_until(lambda: "sleeps" in server.ask("status"), "the worker is connected")
            yield shop


BoardOf = Callable[..., Board]


@pytest.fixture
def board_of() -> Iterator[BoardOf]:
    """Makes boards of servers, which it closes."""
    boards: list[Board] = []

    def board_of(*addresses: str) -> Board:
        boards.append(Board([Admin(address) for address in addresses]))
        boards[-1].look(0.0)
        return boards[-1]

    yield board_of
    for board in boards:
        board.close()


def presses(board: Board, *keys: str) -> str:
    """Press keys, as the command does, and see the screen."""
    for key in keys:
        if board.press(key):
            board.look(0.0)
    return "\n".join(screen(board))


def screen(board: Board, width: int = 80, height: int = 24) -> list[str]:
    """The lines of a terminal."""
    console = Console(width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(draw(board, height), end="")
    return captured.get().split("\n")


def test_without_a_terminal_it_shows_the_servers_once(shop: Shop) -> None:
    top = shop.run("top")
    assert top.status == 0
    assert top.stdout.startswith(shop.server.address)
    assert "\ncapitals " in top.stdout


def test_as_json_it_is_an_object_a_server(shop: Shop, c_shop: Shop) -> None:
    servers = ("--server", shop.server.address, "--server", c_shop.server.address)
    ours, c = shop.run("top", "--json", *servers).rows
    assert (ours["server"], c["server"]) == (shop.server.address, c_shop.server.address)
    assert "capitals" in [row["function"] for row in ours["functions"]]
    assert c["version"].startswith("1.")


def test_the_screen_is_as_large_as_the_terminal_whatever_there_is_to_show(
    own_shop: Shop, board_of: BoardOf
) -> None:
    for number in range(40):
        own_shop.server.ask(f"create function many-{number:02}")
    board = board_of(own_shop.server.address)
    for keys in ((), ("2",), ("3",), ("?",)):
        presses(board, *keys)
        for width, height in ((80, 24), (40, 12), (200, 60)):
            lines = screen(board, width, height)
            assert len(lines) == height
            assert max(map(len, lines)) <= width
    assert "q, Ctrl-C" in "\n".join(screen(board))
    assert "many-39" in presses(board, "x", "1", "end")
    assert "many-39" not in presses(board, "home")


def test_a_function_is_paused_and_resumed(own_shop: Shop, board_of: BoardOf) -> None:
    own_shop.run("submit", "waits", "x", "-b")
    board = board_of(own_shop.server.address)
    while board.rows["Functions"][board.chosen["Functions"]]["function"] != "waits":
        presses(board, "down")
    assert "waits: paused" in presses(board, "p")
    assert own_shop.run("functions", "show", "waits", "--json").rows[0]["policy"] == {"paused": True}
    assert "waits: resumed" in presses(board, "p")


def test_a_job_of_a_function_is_cancelled_after_a_question(own_shop: Shop, board_of: BoardOf) -> None:
    first, second = (own_shop.run("submit", "waits", "x", "-b").stdout.strip() for _ in range(2))
    other = own_shop.run("submit", "others", "x", "-b").stdout.strip()
    board = board_of(own_shop.server.address)
    while board.rows["Functions"][board.chosen["Functions"]]["function"] != "waits":
        presses(board, "down")
    shown = presses(board, "enter")
    assert (first in shown, second in shown, other in shown) == (True, True, False)
    assert f"Cancel {second}? (y/n)" in presses(board, "j", "c")
    assert "nothing was done" in presses(board, "n")
    assert f"{second}: cancelled" in presses(board, "c", "y")
    assert second not in presses(board, "k")
    assert "only queued waits" in presses(board, "s", "s")
    assert other in presses(board, "escape")
    own_shop.run("jobs", "cancel", first)
    assert f"{first} is not there any more" in presses(board, "home", "c", "y")


def test_a_chosen_row_stays_chosen_when_others_come_and_go(own_shop: Shop, board_of: BoardOf) -> None:
    handles = [own_shop.run("submit", "waits", "x", "-b").stdout.strip() for _ in range(3)]
    board = board_of(own_shop.server.address)
    presses(board, "2", "down")
    own_shop.run("jobs", "cancel", handles[0])
    board.look(0.0)
    assert f"Cancel {handles[1]}?" in presses(board, "c")


def test_a_worker_is_drained_and_resumed(own_shop: Shop, board_of: BoardOf) -> None:
    board = board_of(own_shop.server.address)
    assert "drained" in presses(board, "3", "d")
    assert "asleep, draining" in presses(board, "x")
    assert "resumed" in presses(board, "d")


def test_a_server_that_is_away_is_said_and_a_c_server_tells_what_it_knows(
    own_shop: Shop, c_shop: Shop, board_of: BoardOf
) -> None:
    board = board_of(own_shop.server.address, f"{HOST}:{free_port()}")
    lines = screen(board)
    assert "cannot connect to" in lines[0]
    assert any("sleeps" in line for line in lines)
    board = board_of(c_shop.server.address)
    assert "capitals" in "\n".join(screen(board))
    assert "capitals" in presses(board, "3")
    assert "does not know the command 'pause'" in presses(board, "1", "p")


def test_rates_are_what_totals_grow_by_in_a_second() -> None:
    rates = Rates()

    def look(completed: int, now: float) -> object:
        totals = {"submitted": 5, "completed": completed, "failed": 0}
        (row,) = rates.look([{"server": "s", "function": "f", "totals": totals}], now)
        return row["rates"]

    assert look(10, 100.0) == {}
    assert look(30, 102.0) == {"submitted": 0.0, "completed": 10.0, "failed": 0.0}
    assert look(3, 103.0) == {}  # the server was started again
    assert rates.look([{"server": "c", "function": "f"}], 104.0) == [{"server": "c", "function": "f"}]


def test_keys_are_told_apart_however_they_come() -> None:
    assert keys_of("j\x1b[Bk\x1b[6~\x1b[H\r\t\x1b") == [
        "j",
        "down",
        "k",
        "page down",
        "home",
        "enter",
        "right",
        "escape",
    ]
    assert keys_of("\u00e9") == ["\u00e9"]


class Terminal:
    """The command in a terminal of 80 columns and 24 lines."""

    def __init__(self, shop: Shop) -> None:
        self.ours, self.its = pty.openpty()
        fcntl.ioctl(self.its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [*PROGRAM, "top", "--server", shop.server.address],
            stdin=self.its,
            stdout=self.its,
            env={**environment, "TERM": "xterm"},
        )

    def reads_until(self, expected: bytes) -> bytes:
        seen = b""
        while expected not in seen:
            seen += os.read(self.ours, 65536)
        return seen

    def presses(self, key: bytes) -> None:
        os.write(self.ours, key)

    def ends(self) -> int:
        """The exit status; the terminal echoes again."""
        status = self.process.wait(DEADLINE)
        assert termios.tcgetattr(self.its)[3] & termios.ECHO
        os.close(self.ours)
        os.close(self.its)
        return status


def test_in_a_terminal_keys_work_and_q_gives_the_terminal_back(shop: Shop) -> None:
    terminal = Terminal(shop)
    assert b"\x1b[?1049h" in terminal.reads_until(b"capitals")  # a screen of its own
    terminal.presses(b"3")
    terminal.reads_until(b"NUMBER")
    terminal.presses(b"q")
    terminal.reads_until(b"\x1b[?1049l")
    assert terminal.ends() == 0


def test_ctrl_c_ends_it_as_well(shop: Shop) -> None:
    terminal = Terminal(shop)
    terminal.reads_until(b"capitals")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.ends() == 130
