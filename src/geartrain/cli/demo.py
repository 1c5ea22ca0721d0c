"""``geartrain demo``: a server, a worker and a client at work, in ten seconds."""

from __future__ import annotations

import inspect
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

import click
from rich.console import Console
from rich.syntax import Syntax

from geartrain.cli.output import console, progress_bar
from geartrain.cli.reverser import reverse
from geartrain.errors import ConnectError
from geartrain.sync.client import Client

PATIENCE: Final = 10.0  # seconds that a process gets to end
POLL_INTERVAL: Final = 0.05  # seconds
MARGIN: Final = 4  # columns
WIDTH: Final = 80  # columns, also where there is more room

BACKGROUND: Final = """\
handle = client.do_background("reverse", "this is a test")
while (status := client.job_status(handle)).known:
    print(status)"""
FOREGROUND: Final = """\
result = client.do("reverse", "this is a test")"""
UNIQUE: Final = """\
first = client.do_background("reverse", "this is a test", unique="my-test")
second = client.do_background("reverse", "this is a test", unique="my-test")
result = client.do("reverse", "this is a test", unique="my-test")"""


@click.command("demo", short_help="See a server and a worker at work.")
def command() -> None:
    """Start a job server and a worker for ten seconds, and submit jobs to them."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    screen = console()
    screen.width = min(screen.width, WIDTH)
    with server() as (address, pid), worker(address) as worker_pid, Client(address) as client:
        introduce(screen, address, pid, worker_pid)
        in_background(screen, client)
        in_foreground(screen, client)
        with_unique(screen, client)
    screen.print("\n  Done. The server and the worker have ended.")
    screen.print("  Begin with your own: [bold]geartrain server[/], [bold]geartrain worker[/], ", end="")
    screen.print("[bold]geartrain submit[/].\n")


# The steps


def introduce(screen: Console, address: str, pid: int, worker_pid: int) -> None:
    headline(screen, "Geartrain", "a Gearman job system, at work for ten seconds")
    outcome(screen, "server", f"{address}, process {pid}")
    outcome(screen, "worker", f"process {worker_pid}; this is all it does:")
    show_code(screen, inspect.getsource(reverse))


def in_background(screen: Console, client: Client) -> None:
    headline(screen, "1", "In the background: the handle comes at once, the status when you ask")
    show_code(screen, BACKGROUND)
    handle = client.do_background("reverse", "this is a test")
    outcome(screen, "handle", handle)
    with progress_bar(" " * MARGIN + "status ", stderr=False) as bar:
        while (status := client.job_status(handle)).known:
            bar.show(status.numerator, status.denominator)
            time.sleep(POLL_INTERVAL)
        bar.finish()
    outcome(screen, "status", f"known={status.known}: a job that is done is forgotten")


def in_foreground(screen: Console, client: Client) -> None:
    headline(screen, "2", "In the foreground: wait for the result")
    show_code(screen, FOREGROUND)
    with screen.status("waiting"):
        result = client.do("reverse", "this is a test")
    outcome(screen, "result", repr(result))


def with_unique(screen: Console, client: Client) -> None:
    headline(screen, "3", "With a unique: equal submissions share one job")
    show_code(screen, UNIQUE)
    first = client.do_background("reverse", "this is a test", unique="my-test")
    second = client.do_background("reverse", "this is a test", unique="my-test")
    outcome(screen, "first", first)
    outcome(screen, "second", f"{second}: {'the same job' if first == second else 'another job'}")
    with screen.status("waiting"):
        result = client.do("reverse", "this is a test", unique="my-test")
    outcome(screen, "result", f"{result!r}, of the job that was running already")


# The screen


def headline(screen: Console, mark: str, text: str) -> None:
    screen.print(f"\n  [bold cyan]{mark}[/]  [bold]{text}[/]\n")


def show_code(screen: Console, code: str) -> None:
    syntax = Syntax(code, "python", theme="ansi_dark", background_color="default")
    for line in syntax.highlight(code).split():
        screen.print(" " * MARGIN, line, sep="", no_wrap=True)
    screen.print()


def outcome(screen: Console, what: str, text: str) -> None:
    screen.print(f"{' ' * MARGIN}[dim]{what:8}[/]", end="")
    screen.print(text, markup=False)


# The processes


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """A job server on a free port: its address and process id."""
    options = ("--listen", "127.0.0.1", "--port", "0", "--store", "memory:", "--log-format", "json")
    with program("geartrain", "server", *options) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        if not line.startswith("{"):
            raise ConnectError(f"the server did not start: {line}")
        yield json.loads(line)["address"], process.pid


@contextmanager
def worker(address: str) -> Iterator[int]:
    """The worker for the server: its process id."""
    with program("geartrain.cli.reverser", address) as process:
        yield process.pid


@contextmanager
def program(module: str, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A Python module as a process that ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words],
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,  # Ctrl-C is for us: we end it
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """End the demo by a signal, and its processes with it."""
    sys.exit(128 + number)
