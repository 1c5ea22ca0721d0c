"""A worker on gear. Arguments: PORT PREFIX; its functions are named PREFIX-something."""

from __future__ import annotations

import sys
import time

import gear


def reverse(job: gear.WorkerJob) -> None:
    """The workload backwards."""
    job.sendWorkComplete(job.arguments[::-1])


def echo(job: gear.WorkerJob) -> None:
    """The workload."""
    job.sendWorkComplete(job.arguments)


def nothing(job: gear.WorkerJob) -> None:
    """An empty result."""
    job.sendWorkComplete()


def unique(job: gear.WorkerJob) -> None:
    """The job's unique."""
    job.sendWorkComplete(job.binary_unique)


def fail(job: gear.WorkerJob) -> None:
    """WORK_FAIL"""
    job.sendWorkFail()


def exception(job: gear.WorkerJob) -> None:
    """WORK_EXCEPTION"""
    job.sendWorkException(b"the disk is full")


def hang(job: gear.WorkerJob) -> None:
    """Half way, and no further."""
    job.sendWorkStatus(1, 2)
    time.sleep(60)


def events(job: gear.WorkerJob) -> None:
    """One of each packet."""
    job.sendWorkData(b"one")
    job.sendWorkWarning(b"careful")
    for part in range(1, 4):
        job.sendWorkStatus(part, 3)
    job.sendWorkComplete(b"done")


FUNCTIONS = (reverse, echo, nothing, unique, fail, exception, hang, events)


def main(port: str, prefix: str) -> None:
    """Work until killed."""
    functions = {f"{prefix}-{function.__name__}": function for function in FUNCTIONS}
    worker = gear.Worker(f"gear-{prefix}")
    worker.addServer("127.0.0.1", int(port))
    worker.waitForServer()
    for name in functions:
        worker.registerFunction(name)
    print("ready", flush=True)
    while True:
        job = worker.getJob()
        functions[job.name](job)


main(*sys.argv[1:])
