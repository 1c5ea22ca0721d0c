"""OpenStack's gear speaks text and binary on one connection."""

from __future__ import annotations

from collections.abc import Iterator

import gear
import pytest

import geartrain
from tests.support.machine import HOST
from tests.support.processes import ServerProgram

pytestmark = pytest.mark.filterwarnings("ignore:notifyAll")  # gear calls it


@pytest.fixture
def gear_client(server: ServerProgram) -> Iterator[gear.Client]:
    """A connected client of gear."""
    client = gear.Client()
    client.addServer(HOST, server.port)
    client.waitForServer()
    yield client
    client.shutdown()


def test_admin_requests_between_binary_packets_are_answered_in_their_place(
    gear_client: gear.Client,
) -> None:
    for question, answer in (
        (gear.StatusAdminRequest(), "resize\t1\t0\t0\n.\n"),
        (gear.ShowUniqueJobsAdminRequest(), "u-1\n.\n"),
        (gear.WorkersAdminRequest(), " 127.0.0.1 - :\n.\n"),
        (gear.VersionAdminRequest(), f"OK {geartrain.__version__}\n"),
    ):
        job = gear.Job("resize", b"x", "u-1")
        gear_client.submitJob(job, background=True)
        job.connection.sendAdminRequest(question)
        assert question.response.decode().endswith(answer)
    shown = gear.ShowJobsAdminRequest()
    job.connection.sendAdminRequest(shown)
    assert shown.response == job.handle + b"\t0\t0\t1\n.\n"
    cancelled = gear.CancelJobAdminRequest(job.handle)
    job.connection.sendAdminRequest(cancelled)
    assert cancelled.response == b"OK\r\n"
