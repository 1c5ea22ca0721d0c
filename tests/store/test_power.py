"""What a power cut leaves is what the disk has said it has: JOB_CREATED comes after that, or does not, as is chosen."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geartrain.protocol.commands import ECHO_REQ, ECHO_RES, JOB_CREATED, SUBMIT_JOB_BG
from tests.server.links import Link, links_to, pause
from tests.support.machine import DEADLINE, require
from tests.support.processes import GeartrainProgram

SOURCE = Path(__file__).with_name("held_sync.c")
LONG = 0.3  # seconds in which a reply would come that does not wait for the disk


class Disk:
    """A disk that is told when to keep what was written."""

    def __init__(self, folder: Path) -> None:
        self.shim = folder / "held_sync.so"
        self.held = folder / "held"
        subprocess.run([require("gcc"), "-shared", "-fPIC", "-o", self.shim, SOURCE, "-ldl"], check=True)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Nothing gets further than the disk's memory."""
        self.held.touch()
        try:
            yield
        finally:
            self.held.unlink()

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.shim), "HELD": str(self.held)}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def has_heard(link: Link) -> bool:
    """Whether anything has come, after a while."""
    pause(LONG)
    link.endpoint.setblocking(False)
    try:
        return bool(link.endpoint.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        link.endpoint.settimeout(DEADLINE)


def test_an_acknowledged_job_is_on_the_disk(disk: Disk) -> None:
    with GeartrainProgram(environment=disk.environment()) as server, links_to(server) as connect:
        server.wait_for_output("listening")
        client, other = connect(), connect()
        with disk.holding():
            client.says(SUBMIT_JOB_BG, b"f", b"", b"")
            assert other.asks(ECHO_REQ, b"here") == (ECHO_RES, b"here")
            assert not has_heard(client)
        assert client.hears()[0] == JOB_CREATED


def test_with_durability_fast_an_acknowledged_job_is_with_the_system(disk: Disk) -> None:
    options = ("--durability", "fast")
    with GeartrainProgram(*options, environment=disk.environment()) as server, links_to(server) as connect:
        client = connect()
        client.submits(
            SUBMIT_JOB_BG, b"f"
        )  # the first one begins the log, which is done with care in any case
        with disk.holding():
            client.submits(SUBMIT_JOB_BG, b"f")
