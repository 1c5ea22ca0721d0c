"""OpenStack's gear speaks text and binary on one connection."""

from __future__ import annotations

from collections.abc import Iterator

import gear
import pytest

from tests.support.machine import HOST
from tests.support.processes import ServerProgram


@pytest.fixture
def gear_client(server: ServerProgram) -> Iterator[gear.Client]:
    """A connected client of gear."""
    client = gear.Client()
    client.addServer(HOST, server.port)
    client.waitForServer()
    yield client
    client.shutdown()


def test_admin_requests_between_binary_packets_are_answered_in_place(gear_client: gear.Client) -> None:
    job = gear.Job("resize", b"x", "u-1")
    gear_client.submitJob(job, background=True)
    handle = job.handle.decode()
    answers = []
    for question in (
        gear.StatusAdminRequest(),
        gear.ShowJobsAdminRequest(),
        gear.ShowUniqueJobsAdminRequest(),
        gear.CancelJobAdminRequest(job.handle),
        gear.StatusAdminRequest(),
    ):
        job.connection.sendAdminRequest(question)
        answers.append(question.response.decode())
        gear_client.submitJob(gear.Job("resize", b"y", "u-2"), background=True)
    assert answers == [
        "resize\t1\t0\t0\n.\n",
        "",
        "",
        "OK\r\n",
        "",
    ]
    assert handle
