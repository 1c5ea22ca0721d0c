"""What a caller holds of a task's jobs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Generic, TypeVar, cast

from geartrain.aio.job import AsyncJob
from geartrain.errors import ConnectionLost, JobException
from geartrain.jobs import JobHandle, JobStatus
from geartrain.protocol.events import Data, Progress
from geartrain.sync.job import Job
from geartrain.tasks.submission import Submission

R = TypeVar("R")


class TaskJob(Generic[R]):
    """A foreground job whose ``result()`` has the type that the task returns."""

    def __init__(self, submission: Submission, job: Job) -> None:
        self.submission = submission
        self.job = job  # of the current attempt: its events, chunks and state

    @property
    def handle(self) -> JobHandle:
        """The handle of the current attempt."""
        return self.job.handle

    @property
    def progress(self) -> Progress:
        """The last report of the worker that was read."""
        return self.job.progress

    def result(self, timeout: float | None = None) -> R:
        """Wait for the result, through every attempt that the task's retry policy allows.

        ``timeout`` (seconds) is for each attempt; without it, the one of ``options`` is the time of the whole call.
        Raises JobFailed, JobException, JobTimeout, ConnectionLost, or PayloadError for a result that is none.
        """
        submission = self.submission
        while True:
            try:
                content = self.job.result(submission.remaining(timeout))
            except (JobException, ConnectionLost) as error:
                submission.pool.sleep(submission.next_attempt(error, self.job))
                self.job = submission.start()
            else:
                return cast(R, submission.decode(content))


class AsyncTaskJob(Generic[R]):
    """The same on a loop."""

    def __init__(self, submission: Submission, job: AsyncJob) -> None:
        self.submission = submission
        self.job = job  # of the current attempt: its events, chunks and state

    @property
    def handle(self) -> JobHandle:
        """The handle of the current attempt."""
        return self.job.handle

    @property
    def progress(self) -> Progress:
        """The last report of the worker that was read."""
        return self.job.progress

    async def result(self, timeout: float | None = None) -> R:
        """As ``TaskJob.result``."""
        submission = self.submission
        while True:
            try:
                content = await self.job.result(submission.remaining(timeout))
            except (JobException, ConnectionLost) as error:
                await submission.pool.async_sleep(submission.next_attempt(error, self.job))
                self.job = await submission.async_start()
            else:
                return cast(R, submission.decode(content))


class Queued(Generic[R]):
    """A background job: ask how far it is, or for its result where a Geartrain server is to keep that."""

    def __init__(self, submission: Submission, handle: JobHandle) -> None:
        self.submission = submission
        self.pool = submission.pool
        self.handle = handle

    def status(self) -> JobStatus:
        """How far the job is; not known any more once it is done."""
        return self.pool.client().job_status(self.handle)

    async def astatus(self) -> JobStatus:
        """The same on a loop."""
        return await self.pool.async_client().job_status(self.handle)

    def result(self, timeout: float | None = None) -> R:
        """Wait until the job is over, and give its result; raises like ``Client.result``, or PayloadError."""
        return cast(R, self.submission.decode(self.pool.client().result(self.handle, timeout=timeout)))

    async def aresult(self, timeout: float | None = None) -> R:
        """The same on a loop."""
        content = await self.pool.async_client().result(self.handle, timeout=timeout)
        return cast(R, self.submission.decode(content))

    def cancel(self) -> bool:
        """Cancel the job, queued or running; False where it is over. Raises like ``Client.cancel``."""
        return self.pool.client().cancel(self.handle)

    async def acancel(self) -> bool:
        """The same on a loop."""
        return await self.pool.async_client().cancel(self.handle)


def items(submission: Submission, job: Job) -> Iterator[R]:
    """What a stream yields, as it comes."""
    try:
        for event in job.events(submission.remaining()):
            if isinstance(event, Data):
                yield cast(R, submission.decode(event.data))
    finally:
        job.abandon()


async def async_items(submission: Submission) -> AsyncIterator[R]:
    """The same on a loop."""
    job = await submission.async_start()
    try:
        async for event in job.events(submission.remaining()):
            if isinstance(event, Data):
                yield cast(R, submission.decode(event.data))
    finally:
        job.abandon()
