"""A foreground job as the blocking client's user holds it."""

from __future__ import annotations

from collections.abc import Iterator

from geartrain.errors import GearmanError, JobTimeout
from geartrain.jobs import JobHandle, JobStatus
from geartrain.protocol.events import Complete, Data, Event, JobState, Progress
from geartrain.protocol.standing import job_timeout
from geartrain.protocol.task import Task
from geartrain.sync.connections import Connection, Connections
from geartrain.sync.question import standing


class Job:
    """A submitted foreground job: wait for its ``result()``, or take its pieces and events as they come."""

    def __init__(
        self, connections: Connections, task: Task, connection: Connection, context: object = None
    ) -> None:
        self.connections = connections
        self.task = task
        self.connection = connection
        self.moving = False  # a thread submits it to another server
        self.context = context  # whatever the program wants to find again here

    @property
    def handle(self) -> JobHandle:
        """The handle; empty before the server has acknowledged the job."""
        return JobHandle(self.task.handle.decode("utf-8", "replace"), self.connection.server.name)

    @property
    def function(self) -> str:
        """The function's name as the server knows it."""
        return self.task.function.decode("utf-8", "replace")

    @property
    def unique(self) -> str:
        """The unique that was sent."""
        return self.task.unique.decode("utf-8", "replace")

    @property
    def state(self) -> JobState:
        """Where the job is, as far as this client has read."""
        return self.task.state

    @property
    def done(self) -> bool:
        """Whether nothing more will come, as far as this client has read."""
        return self.task.done

    @property
    def progress(self) -> Progress:
        """The last report of the worker that this client has read."""
        return self.task.progress

    @property
    def status(self) -> JobStatus:
        """What this client has read, in the form of the server's answer to ``job_status``."""
        task = self.task
        running = task.state is JobState.RUNNING
        return JobStatus(not task.done, running, task.progress.numerator, task.progress.denominator)

    def result(self, timeout: float | None = None) -> bytes:
        """Wait for the result: the pieces that were not taken by iterating, joined.

        Raises JobFailed, JobException, ConnectionLost, or JobTimeout after ``timeout`` seconds in total, after
        which it may be asked again.
        """
        return self.result_until(self.connections.deadline(timeout))

    def result_until(self, deadline: float | None) -> bytes:
        """The same, until a time of the monotonic clock."""
        self.wait_until(deadline)
        return self.task.take_result()

    def exception(self, timeout: float | None = None) -> GearmanError | None:
        """Wait for the end of the job: its error, None where it has a result. Raises JobTimeout."""
        self.wait_until(self.connections.deadline(timeout))
        return self.task.error

    def wait_until(self, deadline: float | None) -> None:
        """Wait until nothing more will come; raises JobTimeout."""
        while True:
            told = self.connections.told
            if self.ended(deadline):
                return
            self.pump(told, deadline)

    def events(self, timeout: float | None = None) -> Iterator[Event]:
        """Created, Data, Warning, Progress and Complete as they come; raises like ``result``."""
        deadline = self.connections.deadline(timeout)
        while True:
            event = self.next_event(deadline)
            if event is None:
                return
            yield event

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the result as they come; the last one only where it is not empty."""
        for event in self.events():
            if isinstance(event, Data) or (isinstance(event, Complete) and event.data):
                yield event.data

    def abandon(self) -> None:
        """Do not wait for the job any more; it goes on."""
        self.connections.give_up(self.task, self.connection)

    def next_event(self, deadline: float | None) -> Event | None:
        """Wait for the next event; None at the end."""
        task = self.task
        while True:
            told = self.connections.told
            ended = self.ended(deadline)  # before the look at the events: they come first
            if task.events:
                return task.events.popleft()
            if ended:
                if task.error is not None:
                    raise task.error
                return None
            self.pump(told, deadline)

    def ended(self, deadline: float | None) -> bool:
        """Whether nothing more will come; a job whose server went is submitted to another one first."""
        while True:
            told = self.connections.told
            if self.connection.lost and not self.moving and not self.task.done:
                self.end_forgotten()
            if self.moving:
                self.connections.wait_for_news(self.connection.server, told, deadline)
            elif self.task.error is None or not self.move(deadline):
                return self.task.done

    def end_forgotten(self) -> None:
        """Notice that a call was interrupted that had news of this job in hand."""
        with self.connections.lock:
            if self.connection.lost and not self.moving:
                self.connections.end_forgotten(self.task, self.connection)

    def move(self, deadline: float | None) -> bool:
        """Submit the job once more, if that is to be done and no other thread does it."""
        mine = False
        try:
            with self.connections.lock:
                if self.moving:
                    return True
                if self.task.error is None or not self.connections.again(self.task):
                    return False
                self.moving = mine = True
            self.connection = self.connections.resubmit(self.task, self.connection, deadline)
            return True
        finally:
            if mine:
                self.moving = False
                self.connections.wake_sleepers()

    def pump(self, told: int, deadline: float | None) -> None:
        """Let news of the job's connection come in; raises JobTimeout."""
        try:
            self.connections.pump(self.connection, told, deadline)
        except JobTimeout as error:
            where = standing(self.connections, self.task, self.connection)
            raise job_timeout(self.task, self.connection.server.name, where) from error
