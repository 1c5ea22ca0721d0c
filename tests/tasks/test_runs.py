"""The runs of a process, as another one that maps the same memory reads them."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given
from hypothesis import strategies as st

from geartrain.protocol.assignment import Assignment
from geartrain.tasks.runs import Run, Runs, named, new_memory

SLOTS = 3


@contextmanager
def both_sides(slots: int = SLOTS) -> Iterator[tuple[Runs, Runs]]:
    """A process's runs, and what its supervisor has of them."""
    memory = new_memory(slots)
    try:
        yield Runs(memory, slots), Runs(memory, slots)
    finally:
        os.close(memory)


def job(number: int, limit: float = 0.0) -> Assignment:
    """A job that has just begun."""
    assignment = Assignment(b"H:%d" % number, b"f\xff\n", b"", b"", b'{"attempt": %d}' % number)
    assignment.began, assignment.limit = 100.0 + number, limit
    return assignment


def test_a_run_is_read_as_it_was_noted() -> None:
    with both_sides() as (process, supervisor):
        process.begin(job(1))
        process.begin(job(2, limit=5.0))
        assert supervisor.read() == [
            Run(1, 101.0, math.inf, math.inf, 0, 1, "H:1", "f\\xff\\n"),
            Run(2, 102.0, 107.0, math.inf, 0, 2, "H:2", "f\\xff\\n"),
        ]
        first, second = supervisor.read()
        assert (first.lost_at, second.lost_at, second.reason) == (math.inf, 107.0, "is over its time limit")
        assert named([first, second] * 3, 103.5).endswith("(attempt 1, 2.5 s) and 1 others")


def test_a_job_that_was_taken_away_says_why_and_since_when() -> None:
    with both_sides() as (process, supervisor):
        taken = job(1)
        process.begin(taken)
        before = time.monotonic()
        taken.cancel("lost")
        process.mark()
        (run,) = supervisor.read()
        process.mark()
        assert supervisor.read() == [run]
        assert before <= run.lost_at <= time.monotonic()
        assert run.reason == "was lost with its connection"
        process.end(taken)
        assert supervisor.read() == []


def test_a_process_says_that_it_ends_as_it_should() -> None:
    with both_sides() as (process, supervisor):
        assert not supervisor.is_leaving()
        process.leave()
        assert supervisor.is_leaving()


def test_whatever_a_process_writes_there_can_be_read() -> None:
    with both_sides() as (process, supervisor):
        process.memory[:] = b"\xff" * len(process.memory)
        assert supervisor.read() == []


@given(st.lists(st.sampled_from(["begin", "end first", "end last", "take", "mark"]), max_size=40))
def test_the_supervisor_sees_what_runs(steps: list[str]) -> None:
    running: list[Assignment] = []
    marked: list[Assignment] = []
    begun = 0

    def end(process: Runs, which: int) -> None:
        process.end(running.pop(which))

    with both_sides() as (process, supervisor):
        for step in steps:
            if step == "begin" and len(running) < SLOTS:
                begun += 1
                running.append(job(begun))
                process.begin(running[-1])
            elif step.startswith("end") and running:
                end(process, 0 if step == "end first" else -1)
            elif step == "take" and running:
                running[0].cancel("cancelled")
            elif step == "mark":
                process.mark()
                marked = [each for each in running if each.cancelled]
            seen = supervisor.read()
            assert [run.handle for run in seen] == [each.handle.decode() for each in running]
            taken = [run.handle for run in seen if run.taken < math.inf]
            assert taken == [each.handle.decode() for each in running if each in marked]
