"""The example of the PHP manual: submit in the background, poll the status until the job is unknown."""

from __future__ import annotations

import pytest

from geartrain.jobs import WorkerJob
from tests.interop.conftest import RunClient, Work
from tests.interop.programs import PHP


@pytest.mark.parametrize("language", [PHP], ids=["php"], indirect=True)
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
