"""Queue: first in, first out, and what is removed does not stay in memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from geartrain.broker.model import NORMAL, Function, Job, Queue

FUNCTION = Function(b"f", None)


def job(number: int) -> Job:
    return Job(b"%d" % number, FUNCTION, b"", b"", b"", NORMAL, True, 0.0, 0.0)


steps = st.tuples(st.sampled_from(["append", "append", "take", "remove"]), st.integers(0, 20))


@given(st.lists(steps, max_size=60))
def test_a_queue_gives_what_a_list_would_and_keeps_little_more(steps: list[tuple[str, int]]) -> None:
    queue, expected = Queue(), list[Job]()
    for step, number in steps:
        if step == "append":
            expected.append(job(number))
            queue.append(expected[-1])
        elif step == "take":
            assert queue.take() is (expected.pop(0) if expected else None)
        elif expected:
            queue.remove(expected.pop(number % len(expected)))
        assert len(queue) == len(expected)
        assert len(queue.jobs) <= 2 * len(expected)
        assert queue.first() is (expected[0] if expected else None)
