"""What became of jobs that are over: dead letters, and the results that a function's policy keeps."""

from __future__ import annotations

from geartrain.broker.batch import DeadRecord, ResultRecord
from geartrain.broker.model import Job


class DeadLetter:
    """A background job that ended badly and may be tried again: it is in no queue, and no submit joins it."""

    __slots__ = ("job", "record")

    def __init__(self, job: Job, record: DeadRecord) -> None:
        self.job = job
        self.record = record


class Archive:
    """The dead letters and the results of one server, by the numbers of their jobs, the oldest first."""

    def __init__(self) -> None:
        self.dead: dict[int, DeadLetter] = {}
        self.results: dict[int, ResultRecord] = {}
