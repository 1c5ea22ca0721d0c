"""What the PHP extension can do besides: the example of its manual, and asking by unique."""

from __future__ import annotations

import pytest

from geartrain.errors import JobException
from geartrain.jobs import WorkerJob
from geartrain.sync.client import Client
from tests.interop.conftest import RunClient, StartWorker, Work
from tests.interop.programs import PHP

pytestmark = pytest.mark.parametrize("language", [PHP], ids=["php"], indirect=True)


@pytest.mark.parametrize("function", ["reverse"])
def test_polls_of_reverse_see_numerator_and_denominator_grow_to_14(
    run_client: RunClient, work: Work, function: str
) -> None:
    php = run_client("follow", b"this is a test")

    def reverse(job: WorkerJob) -> bytes:
        for done in range(1, len(job.workload) + 1):
            job.send_status(done, len(job.workload))
            # Where the manual sleeps, this waits until the client has polled.
            php.wait_for_output(f"polled 1 1 {done} 14\n")
        return job.workload[::-1]

    work(function, reverse)
    heard = php.heard_to_the_end()
    progress = dict.fromkeys(line[3] for line in heard if line[0] == "polled" and line[4] == "14")
    assert list(progress) == [str(done) for done in range(1, 15)]
    assert heard[-1] == ("polled", "0", "0", "0", "0")


def test_a_job_is_found_by_its_unique(run_client: RunClient, function: str) -> None:
    run_client("background", b"x", unique=f"unique of {function}").heard_to_the_end()
    # A client of its own: one that asked by unique never hears of a job it submits afterwards (libgearman's bug).
    known = run_client("status-by-unique", b"", unique=f"unique of {function}").heard_to_the_end()
    unknown = run_client("status-by-unique", b"", unique="unique of nothing").heard_to_the_end()
    assert (known, unknown) == ([("polled", "1", "0", "0", "0")], [("polled", "0", "0", "0", "0")])


def test_a_job_that_always_takes_longer_than_its_time_limit_runs_once_and_ends(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    start_worker()
    assert client.do(f"{function}-slow", b"x") == b"run 1"
    assert client.do(f"{function}-slow", b"x") == b"run 2"


def test_a_result_over_the_limit_fails_its_job_and_the_worker_goes_on(
    start_worker: StartWorker, client: Client, function: str
) -> None:
    start_worker()
    with pytest.raises(
        JobException, match=r"WORK_COMPLETE of 700000\d\d bytes is over the limit of 67174400"
    ):
        client.do(f"{function}-large", b"x")
    assert client.do(f"{function}-reverse", b"live") == b"evil"


def test_a_client_hears_why_its_workload_is_refused(run_client: RunClient) -> None:
    ((word, code, *text),) = run_client("too-large", b"").heard_to_the_end()
    assert (word, code) == ("refused", "48")
    assert "is over the limit of 67174400" in " ".join(map(str, text))
