"""The client and the worker of the library gear, for comparison."""

from __future__ import annotations

import socket
import threading

import gear

from bench.programs.stopwatch import FUNCTION, RESULT, WORKLOAD, Stopwatch, arguments, one_after_the_other


def background(port: int, jobs: int) -> None:
    """Queue jobs one after the other."""
    client = gear.Client("bench-gear")
    client.addServer("127.0.0.1", port)
    client.waitForServer()
    one_after_the_other(jobs, lambda: client.submitJob(gear.Job(FUNCTION, WORKLOAD), background=True))
    client.shutdown()


def call(port: int, jobs: int) -> None:
    """Wait for the results of jobs, one after the other; the waiting gear leaves to its user."""
    client = gear.Client("bench-gear")
    completed = threading.Semaphore(0)
    take = client.handleWorkComplete

    def complete(packet: gear.Packet) -> gear.Job:
        job = take(packet)
        completed.release()
        return job

    def do() -> None:
        client.submitJob(gear.Job(FUNCTION, WORKLOAD))
        completed.acquire()

    client.handleWorkComplete = complete
    client.addServer("127.0.0.1", port)
    client.waitForServer()
    one_after_the_other(jobs, do)
    client.shutdown()


def work(port: int, jobs: int) -> None:
    """Do jobs that are queued already."""
    worker = gear.Worker("bench-gear")
    worker.addServer("127.0.0.1", port)
    worker.waitForServer()
    for connection in worker.active_connections:
        # gear writes each result and the next grab apart. With Nagle's algorithm, which it leaves on, every job
        # would take 40 ms: its code is what is to be measured.
        connection.conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with Stopwatch(jobs):
        worker.registerFunction(FUNCTION)
        for _ in range(jobs):
            worker.getJob().sendWorkComplete(RESULT)
    worker.shutdown()


OPERATIONS = {"background": background, "call": call, "work": work}

if __name__ == "__main__":
    operation, port, jobs = arguments()
    OPERATIONS[operation](port, jobs)
