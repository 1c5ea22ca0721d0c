"""Unchanged clients of other makes, over our server, with a worker in Python."""

from __future__ import annotations

from geartrain.errors import Fail
from geartrain.jobs import WorkerJob
from tests.interop.conftest import RunClient, Work
from tests.support.machine import wait_until

BINARY = bytes(range(256)) * 5000  # 1.25 MiB with every byte in it, NULs too


def reverse(job: WorkerJob) -> bytes:
    return job.workload[::-1]


def test_a_foreground_job_gives_its_result(run_client: RunClient, work: Work, function: str) -> None:
    work(function, reverse)
    heard = run_client("do", b"this is a test").heard_to_the_end()
    assert heard[-1] == ("complete", b"tset a si siht")


def test_a_large_binary_workload_and_result_arrive_unharmed(
    run_client: RunClient, work: Work, function: str
) -> None:
    work(function, reverse)
    assert run_client("do", BINARY).heard_to_the_end()[-1] == ("complete", BINARY[::-1])


def test_an_empty_result_is_a_result(run_client: RunClient, work: Work, function: str) -> None:
    work(function, lambda job: b"")
    assert run_client("do", b"x").heard_to_the_end()[-1] == ("complete", b"")


def test_status_data_and_warnings_arrive_in_their_order(
    run_client: RunClient, work: Work, function: str
) -> None:
    def events(job: WorkerJob) -> bytes:
        job.send_data(b"one\0two")
        job.send_warning(b"careful")
        for part in range(1, 4):
            job.send_status(part, 3)
        return b"done"

    work(function, events)
    heard = [line for line in run_client("do", b"x").heard_to_the_end() if line[0] != "created"]
    assert heard == [
        ("data", b"one\0two"),
        ("warning", b"careful"),
        ("status", "1", "3"),
        ("status", "2", "3"),
        ("status", "3", "3"),
        ("complete", b"done"),
    ]


def test_a_failure_is_heard(run_client: RunClient, work: Work, function: str) -> None:
    def fail(job: WorkerJob) -> bytes:
        raise Fail

    work(function, fail)
    assert run_client("do", b"x").heard_to_the_end()[-1] == ("fail",)


def test_an_exception_is_heard_with_its_text(run_client: RunClient, work: Work, function: str) -> None:
    def fail(job: WorkerJob) -> bytes:
        raise OSError("the disk is full")

    work(function, fail)
    last = run_client("do", b"x").heard_to_the_end()[-1]
    assert last[0] == "exception"
    assert "the disk is full" in str(last[1])


def test_polls_of_a_background_job_see_it_queued_then_running_then_gone(
    run_client: RunClient, work: Work, function: str
) -> None:
    follower = run_client("follow", b"x")

    def count(job: WorkerJob) -> bytes:
        for part in range(1, 4):
            job.send_status(part, 3)
            # No pause: the next status waits until the client has seen this one.
            follower.wait_for_output(f"polled 1 1 {part} 3\n")
        return b""

    follower.wait_for_output("polled 1 0 0 0\n")
    work(function, count)
    polls = dict.fromkeys(line for line in follower.heard_to_the_end() if line[0] == "polled")
    polls.pop(("polled", "1", "1", "0", "0"), None)  # seen by a poll between the grab and the first status
    assert list(polls) == [
        ("polled", "1", "0", "0", "0"),
        ("polled", "1", "1", "1", "3"),
        ("polled", "1", "1", "2", "3"),
        ("polled", "1", "1", "3", "3"),
        ("polled", "0", "0", "0", "0"),
    ]


def test_equal_uniques_join_one_job_while_it_is_queued(
    run_client: RunClient, work: Work, function: str
) -> None:
    (first,) = run_client("background", b"one", unique="same").heard_to_the_end()
    (second,) = run_client("background", b"two", unique="same").heard_to_the_end()
    (other,) = run_client("background", b"three", unique="another").heard_to_the_end()
    assert first[0] == "created"
    assert second == first
    assert other != first
    listener = run_client("do", b"four", unique="same")
    listener.wait_for_output("created")
    work(function, reverse)
    assert listener.heard_to_the_end()[-1] == ("complete", b"eno")


def test_higher_priorities_run_first_and_equal_ones_in_their_order(
    run_client: RunClient, work: Work, function: str
) -> None:
    for priority in ("low", "normal", "high"):
        for number in (b"1", b"2"):
            run_client("background", priority.encode() + number, priority=priority).heard_to_the_end()
    order: list[bytes] = []
    work(function, lambda job: order.append(job.workload))
    wait_until(lambda: len(order) == 6, "all six jobs have run")
    assert order == [b"high1", b"high2", b"normal1", b"normal2", b"low1", b"low2"]
