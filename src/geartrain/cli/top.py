"""``geartrain top``: functions, jobs and workers, live, and keys to pause, cancel and drain."""

from __future__ import annotations

import sys
import time
from contextlib import closing
from typing import Final

import click
from rich.live import Live

from geartrain.cli import questions
from geartrain.cli.board import Board
from geartrain.cli.glance import glance, picture
from geartrain.cli.options import json_option, servers_option
from geartrain.cli.output import console, print_json
from geartrain.cli.questions import ask_each
from geartrain.cli.screen import draw

INTERVAL: Final = 1.0  # seconds between two looks
PATIENCE: Final = 3.0  # seconds in which a server should answer


@click.command("top", short_help="Watch the servers, and act.")
@servers_option
@json_option
def command(servers: tuple[str, ...], as_json: bool) -> None:
    """Watch functions, jobs and workers, pause, cancel and drain them: ? shows the keys, q ends it.

    Without a terminal, or as JSON, show the servers once.
    """
    screen = console()
    if not as_json and screen.is_terminal and sys.stdin.isatty():
        with closing(Board(questions.administrators(servers, PATIENCE))) as board:
            return watch(board)
    rows = ask_each(servers, glance)
    if not as_json:
        return screen.print(picture(rows))
    for row in rows:
        print_json(row)


def watch(board: Board) -> None:
    """Show the board until somebody has seen enough."""
    from geartrain.cli.keyboard import Keyboard

    screen = console()
    due = 0.0
    with Keyboard() as keyboard, Live(console=screen, screen=True, auto_refresh=False) as live:
        while not board.over:
            now = time.monotonic()
            if now >= due:
                board.look(now)
                due = now + INTERVAL
            live.update(draw(board, screen.height), refresh=True)
            for key in keyboard.read(max(due - time.monotonic(), 0.0)):
                if board.press(key):
                    due = 0.0
