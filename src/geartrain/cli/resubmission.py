"""Jobs from elsewhere, submitted to servers that run."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from geartrain.broker.batch import JobRecord
from geartrain.errors import SettingsError, UnknownOption
from geartrain.protocol.commands import SUBMIT_REDUCE_JOB_BACKGROUND
from geartrain.protocol.packet import request
from geartrain.protocol.submission import Priority, Unique
from geartrain.protocol.task import Task
from geartrain.store.portable import DeadJob, Item
from geartrain.sync.client import Client
from geartrain.sync.many import submit_many

TASKS: Final = 1000  # that are submitted at a time
LATEST: Final = datetime.max.replace(tzinfo=UTC).timestamp()
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
        self.is_extended = True  # as far as we know the servers take a priority with a due time

    def take(self, items: Iterable[Item]) -> None:
        """Submit what is a job; raises what the client does, and ``submitted`` says how far it came."""
        for item in items:
            if not isinstance(item, JobRecord):
                self.left_out["dead letter" if isinstance(item, DeadJob) else type_name(item)] += 1
                continue
            self.not_carried["attempts"] += item.attempts > 0
            self.not_carried["metadata"] += item.metadata != b""
            self.submit(item)
            if len(self.waiting) >= TASKS:
                self.send()
        self.send()

    def submit(self, job: JobRecord) -> None:
        run_at = job.run_at if job.run_at > self.now else 0.0
        if job.reducer:
            self.not_carried["priority"] += job.priority != Priority.NORMAL
            self.not_carried["due time"] += run_at > 0
            self.waiting.append(with_reducer(job))
        elif not run_at or job.priority == Priority.NORMAL:
            self.plain(job, job.priority, run_at)
        elif not self.with_priority_and_time(job):
            self.not_carried["priority"] += 1
            self.plain(job, Priority.NORMAL, run_at)

    def plain(self, job: JobRecord, priority: int, run_at: float) -> None:
        """Submit a job as every Gearman server understands it."""
        task = self.client.factory.task(
            job.function, job.workload or b"", unique_of(job), priority, True, run_at or None
        )
        self.waiting.append(task)

    def with_priority_and_time(self, job: JobRecord) -> bool:
        """Submit a job as only some servers understand it; whether that worked."""
        try:
            function = job.function.decode()
        except UnicodeDecodeError:
            return False
        if not self.is_extended or job.run_at > LATEST:
            return False
        self.send()
        due = datetime.fromtimestamp(job.run_at, UTC)
        try:
            self.client.do_background(
                function, job.workload or b"", unique=unique_of(job), priority=Priority(job.priority), at=due
            )
        except (SettingsError, UnknownOption):
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
