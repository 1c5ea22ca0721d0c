"""Geartrain's blocking client and worker."""

from __future__ import annotations

from bench.programs.stopwatch import FUNCTION, RESULT, WORKLOAD, Stopwatch, arguments, one_after_the_other
from geartrain import Client, Worker


def background(server: str, jobs: int) -> None:
    """Queue jobs one after the other."""
    with Client(server) as client:
        client.ping()
        one_after_the_other(jobs, lambda: client.do_background(FUNCTION, WORKLOAD))


def call(server: str, jobs: int) -> None:
    """Wait for the results of jobs, one after the other."""
    with Client(server) as client:
        client.ping()
        one_after_the_other(jobs, lambda: client.do(FUNCTION, WORKLOAD))


def submit_many(server: str, jobs: int) -> None:
    """Queue jobs all at once."""
    with Client(server) as client:
        client.ping()
        with Stopwatch(jobs):
            client.submit_many(FUNCTION, [WORKLOAD] * jobs)


def map_100(server: str, jobs: int) -> None:
    """Wait for the results of jobs, a hundred at a time."""
    with Client(server) as client:
        client.ping()
        with Stopwatch(jobs):
            for result in client.map(FUNCTION, [WORKLOAD] * jobs, limit=100):
                assert result == RESULT


def work(server: str, jobs: int) -> None:
    """Do jobs that are queued already."""
    worker = Worker(server, max_jobs=jobs)
    worker.add_function(FUNCTION, lambda job: RESULT)
    with Stopwatch(jobs):
        worker.run()


OPERATIONS = {
    "background": background,
    "call": call,
    "submit-many": submit_many,
    "map": map_100,
    "work": work,
}

if __name__ == "__main__":
    operation, port, jobs = arguments()
    OPERATIONS[operation](f"127.0.0.1:{port}", jobs)
