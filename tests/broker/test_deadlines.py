"""Deadlines: jobs by the moment at which something must happen to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geartrain.broker.deadlines import Deadlines
from geartrain.broker.model import NORMAL, Function, Job

FUNCTION = Function(b"f", None)


def job(handle: bytes = b"H:test:1") -> Job:
    return Job(handle, FUNCTION, b"", b"", b"", NORMAL, True, 0.0, 0.0)


def test_jobs_are_taken_in_the_order_of_their_times_each_once() -> None:
    deadlines = Deadlines(1)
    late, soon, now = job(), job(), job()
    for each, when in ((late, 30.0), (soon, 20.0), (now, 10.0)):
        deadlines.set(each, when)
    assert deadlines.take(9.9) == []
    assert deadlines.take(20.0) == [now, soon]
    assert deadlines.take(20.0) == []
    assert deadlines.next() == 30.0


def test_a_cancelled_job_is_not_taken() -> None:
    deadlines = Deadlines(1)
    one, other = job(), job()
    deadlines.set(one, 10.0)
    deadlines.set(other, 10.0)
    deadlines.cancel(one)
    assert deadlines.take(10.0) == [other]


def test_a_job_may_be_set_again_after_a_cancel() -> None:
    deadlines = Deadlines(1)
    again, other, third = job(), job(), job()
    for each in (again, other, third):
        deadlines.set(each, 10.0)
    deadlines.cancel(again)
    deadlines.set(again, 20.0)
    assert deadlines.take(10.0) == [other, third]
    assert deadlines.take(20.0) == [again]


def test_jobs_cancelled_for_a_distant_day_do_not_stay_in_memory_until_then() -> None:
    deadlines = Deadlines(1)
    near, distant = [job() for _ in range(10)], [job() for _ in range(9)]
    for each in near:
        deadlines.set(each, 1.0)
    for each in distant:
        deadlines.set(each, 1e9)
    for each in distant:
        deadlines.cancel(each)
    assert deadlines.take(1.0) == near
    assert deadlines.heap == []


# Each step sets a job for a time from now, cancels one of those that are set, or lets time pass.
@given(st.lists(st.tuples(st.sampled_from(["set", "cancel", "pass"]), st.integers(0, 20)), max_size=60))
def test_deadlines_give_what_a_sorted_list_would_and_keep_little_more(steps: list[tuple[str, int]]) -> None:
    deadlines, now = Deadlines(1), 0.0
    expected: list[tuple[float, int, Job]] = []
    for number, (step, value) in enumerate(steps):
        if step == "set":
            expected.append((now + value, number, job()))
            deadlines.set(expected[-1][2], now + value)
        elif step == "cancel" and expected:
            deadlines.cancel(expected.pop(value % len(expected))[2])
        elif step == "pass":
            now += value
            due = sorted(entry for entry in expected if entry[0] <= now)
            expected = [entry for entry in expected if entry[0] > now]
            assert deadlines.take(now) == [entry[2] for entry in due]
        assert len(deadlines.heap) <= 2 * len(expected)
        if expected:
            assert deadlines.next() <= min(expected)[0]
