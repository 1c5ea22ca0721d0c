"""Tally: what has happened to a function's jobs since the server began, in numbers that only grow."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 22  # the bucket of what took 2 ** 21 milliseconds or more


class Tally:
    """Plain numbers: the broker adds to them as it goes.

    Each job that came ends once: ``submitted + revived`` are those that are ``completed``, ``failed``, ``cancelled`` or
    ``abandoned``, and those that are there still; but for jobs that came from a store or another leader.
    """

    __slots__ = (
        "abandoned",
        "cancelled",
        "completed",
        "dead",
        "failed",
        "joined",
        "lost",
        "retried",
        "revived",
        "run",
        "run_seconds",
        "started",
        "submitted",
        "timed_out",
        "wait",
        "wait_seconds",
    )

    def __init__(self) -> None:
        self.submitted = 0  # new jobs
        self.joined = 0  # submits of a job that was there
        self.started = 0  # executions
        self.completed = 0  # jobs that brought a result
        self.failed = 0  # jobs that ended badly and for good
        self.retried = 0  # executions without a result after which the job may have another one
        self.lost = 0  # executions whose worker went away
        self.timed_out = 0  # executions over their time limit
        self.dead = 0  # jobs that failed and became dead letters
        self.revived = 0  # dead letters that are jobs again
        self.cancelled = 0  # jobs that somebody ended
        self.abandoned = 0  # jobs that ended because nobody wanted them any more
        # By the number of bits of the milliseconds: less than 1, less than 2, less than 4, up to less than 2 ** 21.
        self.wait = [0] * (LONGEST + 1)  # from when a job could run to its first execution
        self.wait_seconds = 0.0  # all of them together
        self.run = [0] * (LONGEST + 1)  # how long executions took, however they ended
        self.run_seconds = 0.0

    def is_empty(self) -> bool:
        """Whether there has never been a job."""
        return not any(self.totals().values())

    def totals(self) -> dict[str, int]:
        """The counts by what they count."""
        return {
            "submitted": self.submitted,
            "joined": self.joined,
            "started": self.started,
            "completed": self.completed,
            "failed": self.failed,
            "retried": self.retried,
            "lost": self.lost,
            "timed_out": self.timed_out,
            "dead": self.dead,
            "revived": self.revived,
            "cancelled": self.cancelled,
            "abandoned": self.abandoned,
        }
