"""What is due: each job's affair is its own."""

from __future__ import annotations

from geartrain.broker.agenda import for_each
from geartrain.broker.broker import Broker
from geartrain.broker.model import Job
from geartrain.protocol.commands import SUBMIT_JOB_BG
from tests.wire import MemoryServer


def test_an_exception_in_one_jobs_affair_keeps_no_other_from_its_own() -> None:
    server = MemoryServer()
    client = server.connect()
    for _ in range(3):
        client.says(SUBMIT_JOB_BG, b"f", b"", b"x")
    done: list[int] = []

    def do(broker: Broker, job: Job) -> None:
        if job.number == 2:
            raise LookupError(job.number)
        done.append(job.number)

    for_each(server.broker, list(server.broker.jobs.values()), do, "a delayed job")

    assert done == [1, 3]
    ((what, error, connection),) = server.broker.accidents
    assert (what, type(error), connection) == ("a delayed job", LookupError, None)
