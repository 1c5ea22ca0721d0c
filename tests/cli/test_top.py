"""``geartrain top``."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

from tests.cli.program import PROGRAM, Shop
from tests.support.machine import DEADLINE


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


def test_in_a_terminal_it_goes_on_until_ctrl_c(shop: Shop) -> None:
    ours, terminal = pty.openpty()
    command = [*PROGRAM, "top", "--server", shop.server.address]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, env=environment) as process:
        os.close(terminal)
        seen = b""
        while b"capitals" not in seen:
            seen += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
    os.close(ours)
