"""The worker of ``geartrain demo``: it reverses a text letter by letter, slowly enough to be watched."""

from __future__ import annotations

import sys
import time
from typing import Final

from geartrain.jobs import WorkerJob
from geartrain.sync.worker import Worker

PACE: Final = 0.12  # seconds a letter


def reverse(job: WorkerJob) -> bytes:
    for number, _ in enumerate(job.workload, 1):
        time.sleep(PACE)
        job.send_status(number, len(job.workload))
    return job.workload[::-1]


if __name__ == "__main__":
    worker = Worker(sys.argv[1])
    worker.add_function("reverse", reverse)
    worker.run()
