"""The libraries where the system lacks what POSIX has: Windows, and eventlet, which takes ``poll`` away."""

from __future__ import annotations

import subprocess
import sys

from tests.support.machine import DEADLINE
from tests.support.processes import geartrain_server

PROGRAM = """
import os, select, socket, sys, threading

pair, unix = socket.socketpair, socket.AF_UNIX
socket.socketpair = lambda: pair(unix)  # Windows has one of its own
for module, name in [(os, "register_at_fork"), (os, "fork"), (select, "poll"), (select, "epoll"),
                     (socket, "MSG_DONTWAIT"), (socket, "AF_UNIX"), (socket, "TCP_KEEPIDLE")]:
    delattr(module, name)
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None

import asyncio
from geartrain import AsyncClient, Client, ConnectError, JobTimeout, Worker

where = sys.argv[1]
worker = Worker(where)
worker.add_function("reverse", lambda job: job.workload[::-1])
thread = threading.Thread(target=worker.run)
thread.start()
with Client(where) as client:
    print(client.do("reverse", "abc", timeout=10).decode())
    print(client.do("reverse", b"x" * 5_000_000, timeout=10) == b"x" * 5_000_000)
    print([result.decode() for result in client.map("reverse", ["ab", "cd"], timeout=10)])
    try:
        client.do("nobody", timeout=0.05)
    except JobTimeout as error:
        print(error.state)
try:
    Client("unix:/nowhere").ping()
except ConnectError as error:
    print(error)


async def again():
    async with AsyncClient(where) as client:
        return await client.do("reverse", "xyz", timeout=10)


print(asyncio.run(again()).decode())
worker.stop()
thread.join(10)
"""


def test_both_clients_and_a_worker_run_without_what_posix_has() -> None:
    with geartrain_server() as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.address],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "cba",
        "True",
        "['ba', 'dc']",
        "queued",
        "cannot connect to unix:/nowhere: no Unix sockets here",
        "zyx",
    ]
