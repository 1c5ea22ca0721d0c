"""Retry policies: how often, and how long after."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain import ConnectionLost, JobException, Retry, RetryPolicy, SettingsError
from geartrain.tasks.retry import delay_at_client, delay_at_worker


def test_each_delay_is_twice_the_one_before_up_to_the_longest() -> None:
    policy = RetryPolicy(9, backoff=2.0, max_delay=10.0, jitter=0.0)
    assert [policy.delay(attempt) for attempt in (1, 2, 3, 4, 500)] == [2.0, 4.0, 8.0, 10.0, 10.0]


@given(st.integers(1, 50), st.floats(0, 1))
def test_jitter_leaves_out_a_part_of_the_delay(attempt: int, jitter: float) -> None:
    longest = RetryPolicy(99, jitter=0.0).delay(attempt)
    assert longest * (1 - jitter) <= RetryPolicy(99, jitter=jitter).delay(attempt) <= longest


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"backoff": -1.0}, {"max_delay": -1.0}, {"jitter": 1.5}])
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match=str(next(iter(wrong.values())))):
        RetryPolicy(**{"attempts": 3, **wrong})  # type: ignore[arg-type]


def test_a_worker_tries_again_what_the_policy_names_while_attempts_are_left() -> None:
    policy = RetryPolicy(3, backoff=2.0, jitter=0.0, on=(OSError,))
    assert delay_at_worker(policy, 1, ConnectionResetError()) == 2.0
    assert delay_at_worker(policy, 2, OSError()) == 4.0
    assert delay_at_worker(policy, 3, OSError()) is None
    assert delay_at_worker(policy, 1, ValueError()) is None
    assert delay_at_worker(None, 1, OSError()) is None


def test_raise_retry_names_its_own_delay_and_counts_as_an_attempt() -> None:
    assert delay_at_worker(None, 100, Retry(delay=30)) == 30
    assert delay_at_worker(RetryPolicy(3, on=(OSError,)), 2, Retry(delay=30)) == 30
    assert delay_at_worker(RetryPolicy(3), 3, Retry(delay=30)) is None


def test_a_waiting_client_tries_again_when_the_worker_says_so() -> None:
    assert delay_at_client(None, 1, JobException(b"Retry: retry in 30 s")) == 30
    assert delay_at_client(RetryPolicy(1), 1, JobException(b"Retry: retry in 30 s")) is None
    assert delay_at_client(RetryPolicy(3), 1, JobException(b"OSError: no")) is None


@given(st.floats(0, 1e9))
def test_the_delay_survives_the_way_to_the_client(delay: float) -> None:
    told = Retry.told(f"Retry: {Retry(delay)}".encode())
    assert told is not None
    assert told.delay == pytest.approx(delay)


def test_a_lost_connection_is_tried_again_only_with_a_policy() -> None:
    lost = ConnectionLost("gone", submitted=True)
    assert delay_at_client(RetryPolicy(3, jitter=0.0), 1, lost) == 1.0
    assert delay_at_client(RetryPolicy(3, jitter=0.0), 3, lost) is None
    assert delay_at_client(None, 1, lost) is None
