"""``geartrain status``."""

from __future__ import annotations

import pytest

from geartrain.jobs import WorkerJob
from geartrain.sync.worker import Worker
from tests.cli.program import Shop


@pytest.fixture
def half_done(shop: Shop) -> object:
    """The handle of a running job that has said 1/2."""
    handle = shop.run("submit", "halves", "x", "-b", "--unique", "half").stdout.strip()
    worker = Worker(shop.server.address)
    worker.register("halves")
    job = worker.grab(10)
    assert isinstance(job, WorkerJob)
    job.send_status(1, 2)
    yield handle
    worker.close()


def test_a_running_job_says_how_far_it_is(shop: Shop, half_done: str) -> None:
    assert shop.run("status", half_done).stdout == f"{half_done}: running, 1/2\n"
    assert shop.run("status", half_done, "--json").rows == [
        {"handle": half_done, "known": True, "running": True, "numerator": 1, "denominator": 2}
    ]


def test_a_job_is_found_by_its_unique(shop: Shop, half_done: str) -> None:
    assert shop.run("status", "--unique", "half").stdout == "half: running, 1/2\n"


def test_a_job_that_no_server_knows_is_done(shop: Shop) -> None:
    gone = shop.run("status", "H:gone:1", "--follow")
    assert (gone.status, gone.stdout) == (0, "H:gone:1: done, or never known\n")


def test_a_job_that_a_silent_server_may_know_is_status_3(shop: Shop) -> None:
    unsure = shop.run("status", "H:gone:1", "--server", shop.server.address, "--server", "127.0.0.1:1")
    assert (unsure.status, unsure.stdout) == (3, "")
    assert unsure.stderr == "geartrain: cannot connect to 127.0.0.1:1: [Errno 111] Connection refused\n"
