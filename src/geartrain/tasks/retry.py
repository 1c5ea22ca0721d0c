"""When a task that failed is tried again."""

from __future__ import annotations

import random
from dataclasses import dataclass

from geartrain.errors import ConnectionLost, GearmanError, JobException, Retry, SettingsError
from geartrain.protocol.settings import is_seconds

MOST_ATTEMPTS = 1_000_000
LARGEST_DOUBLING = 60  # beyond it any delay is longer than any ``max_delay``


@dataclass(frozen=True)
class RetryPolicy:
    """Run a task up to ``attempts`` times while it raises one of ``on``, loses its worker or is over its time limit.

    The second attempt comes ``backoff`` seconds after the first; each next one waits twice as long, at most
    ``max_delay`` seconds. Up to the part ``jitter`` (0..1) of each delay is left out at random, so that jobs that
    failed together do not come back together.
    """

    attempts: int
    backoff: float = 1.0
    max_delay: float = 3600.0
    jitter: float = 0.1
    on: tuple[type[Exception], ...] = (Exception,)

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or not 1 <= self.attempts <= MOST_ATTEMPTS:
            raise SettingsError(f"attempts {self.attempts!r}: expected a whole number, 1..{MOST_ATTEMPTS}")
        for name, value in (("backoff", self.backoff), ("max_delay", self.max_delay)):
            if not is_seconds(value):
                raise SettingsError(f"{name} {value!r}: expected 0 or more seconds")
        if not is_seconds(self.jitter) or self.jitter > 1:
            raise SettingsError(f"jitter {self.jitter!r}: expected 0..1")
        if not isinstance(self.on, tuple) or not all(is_exception(kind) for kind in self.on):
            raise SettingsError(f"on {self.on!r}: expected a tuple of exception classes, such as (OSError,)")

    def delay(self, attempt: int) -> float:
        """Seconds between the attempt of this number, which failed, and the next."""
        longest = min(self.max_delay, self.backoff * 2.0 ** min(attempt - 1, LARGEST_DOUBLING))
        return longest * (1 - self.jitter * random.random())


def is_exception(kind: object) -> bool:
    """Whether it is a class of exceptions that a function may raise."""
    return isinstance(kind, type) and issubclass(kind, Exception)


def delay_at_worker(policy: RetryPolicy | None, attempt: int, error: Exception) -> float | None:
    """Seconds until the next attempt of a job whose function raised; None when there is none.

    ``raise Retry(delay=...)`` is a wish that only a policy's number of attempts limits.
    """
    if policy is not None and attempt >= policy.attempts:
        return None
    if isinstance(error, Retry):
        return error.delay
    if policy is None or not isinstance(error, policy.on):
        return None
    return policy.delay(attempt)


def delay_at_client(policy: RetryPolicy | None, attempt: int, error: GearmanError) -> float | None:
    """Seconds until a waiting client submits its job again; None when the error is the job's end.

    That is when the worker asked for it, or the connection ended under a task that may be tried again.
    """
    if policy is not None and attempt >= policy.attempts:
        return None
    if isinstance(error, JobException):
        asked = Retry.told(error.payload)
        return None if asked is None else asked.delay
    if policy is None or not isinstance(error, ConnectionLost):
        return None
    return policy.delay(attempt)
