"""Jobs from elsewhere, submitted to servers that run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from geartrain.broker.batch import JobRecord
from geartrain.errors import ExtensionMissing
from geartrain.protocol.commands import SUBMIT_REDUCE_JOB_BACKGROUND
from geartrain.protocol.packet import request
from geartrain.protocol.submission import Due, Priority, Unique
from geartrain.protocol.task import Task
from geartrain.store.portable import DeadJob, Item, as_object
from geartrain.sync.client import Client
from geartrain.sync.many import submit_many

TASKS: Final = 1000  # that are submitted at a time
RETRIES: Final = 2  # submissions more, should a connection end before its server acknowledges


class Resubmission:
    """Submits jobs in the background, each with its unique, priority and due time, under new handles."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.now = time.time()
        self.waiting: list[Task] = []
        self.submitted = 0
        self.left_out: Counter[str] = Counter()  # what is no job that can be submitted, by kind
        self.not_carried: Counter[str] = Counter()  # what submitted jobs had that is lost
        self.is_extended = True  # as far as we know the servers are Geartrain's, with its extension

    def take(self, items: Iterable[Item]) -> None:
        """Submit what is a job; raises what the client does, and ``submitted`` says how far it came."""
        for item in items:
            if not isinstance(item, JobRecord):
                self.left_out["dead letter" if isinstance(item, DeadJob) else type_name(item)] += 1
                continue
            self.not_carried["attempts"] += item.attempts > 0
            self.submit(item)
            if len(self.waiting) >= TASKS:
                self.send()
        self.send()

    def submit(self, job: JobRecord) -> None:
        """Submit a job with all that its server can take."""
        run_at = job.run_at if job.run_at > self.now else None
        if job.reducer:
            self.lose(priority=job.priority != Priority.NORMAL, due_time=run_at, metadata=job.metadata)
            self.waiting.append(with_reducer(job))
            return
        metadata = metadata_of(job)
        task = self.task(job, job.priority, run_at, metadata)
        if not task.needs:
            self.lose(metadata=job.metadata)
            self.waiting.append(task)
        elif self.extended(task):
            self.lose(metadata=not metadata and job.metadata)
        else:
            priority = job.priority if run_at is None else Priority.NORMAL
            self.lose(priority=priority != job.priority, metadata=job.metadata)
            self.waiting.append(self.task(job, priority, run_at, None))

    def lose(self, **what: object) -> None:
        """Count what a job has that its server does not get."""
        for name, had in what.items():
            self.not_carried[name.replace("_", " ")] += bool(had)

    def task(
        self, job: JobRecord, priority: int, run_at: float | None, metadata: Mapping[str, str] | None
    ) -> Task:
        unique = unique_of(job)
        due = None if run_at is None else Due(run_at)
        return self.client.factory.task(
            job.function, job.workload or b"", unique, priority, True, due, metadata
        )

    def extended(self, task: Task) -> bool:
        """Submit what only Geartrain's server takes; whether that worked."""
        if not self.is_extended:
            return False
        self.send()
        try:
            self.client.submit_task(task, None)
        except ExtensionMissing:
            self.is_extended = False
            return False
        self.submitted += 1
        return True

    def send(self) -> None:
        """Submit what waits, and wait until the servers have it."""
        tasks, self.waiting = self.waiting, []
        try:
            submit_many(self.client.connections, tasks, None)
        finally:
            self.submitted += sum(task.handle != b"" for task in tasks)


def metadata_of(job: JobRecord) -> Mapping[str, str] | None:
    """A job's metadata as the client takes them; None where it does not."""
    content = as_object(job.metadata)
    return content if content and all(isinstance(value, str) for value in content.values()) else None


def type_name(item: Item) -> str:
    return type(item).__name__.removesuffix("Record").lower()


def unique_of(job: JobRecord) -> bytes | Unique:
    """A job's unique as the client takes it."""
    return Unique(job.unique) if job.unique in (Unique.NONE.value, Unique.CONTENT.value) else job.unique


def with_reducer(job: JobRecord) -> Task:
    packet = request(
        SUBMIT_REDUCE_JOB_BACKGROUND, job.function, job.unique, job.reducer, b"", job.workload or b""
    )
    return Task(job.function, job.unique, job.unique, packet, True, RETRIES)
