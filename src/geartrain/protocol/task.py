"""What a client waits for: tasks (submitted jobs) and questions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from geartrain.errors import ConnectionLost, GearmanError
from geartrain.protocol.events import Complete, Created, Data, Event, JobState, Progress
from geartrain.protocol.submission import (
    Due,
    Payload,
    Unique,
    UniqueSource,
    check_metadata,
    extended_submission,
    name,
    needs_extension,
    payload,
    submission,
)

NO_PROGRESS: Final = Progress(0, 0)
BATCH_JOBS: Final = 500
BATCH_BYTES: Final = 1 << 20
MOST_MOVES: Final = 20  # of a job: one that ends every server it comes to must not go on for ever


class Pending:
    """Something that awaits an answer of the server."""

    __slots__ = ("answered", "error", "wake")

    def __init__(self) -> None:
        self.answered = False  # the server's direct answer came, or an error in its place
        self.error: GearmanError | None = None  # why there is no answer, or no result
        self.wake: Callable[[], object] | None = None  # called when there is news, if anybody wants to know

    def answer(self, arguments: list[bytes]) -> None:
        """Take the server's answer."""
        self.answered = True
        self.news()

    def news(self) -> None:
        """Wake whoever waits."""
        if self.wake is not None:
            self.wake()

    def refuse(self, error: GearmanError) -> None:
        """Take an error in the place of the answer."""
        self.answered = True
        self.error = error
        self.news()


class Question(Pending):
    """A request that one packet answers: a status, an echo, an option."""

    __slots__ = ("arguments",)

    def __init__(self) -> None:
        super().__init__()
        self.arguments: list[bytes] = []  # of the answer

    def answer(self, arguments: list[bytes]) -> None:
        """Keep what the server answered."""
        self.arguments = arguments
        super().answer(arguments)

    def may_be_running(self) -> bool:
        """Whether STATUS_RES says that a job is running; also where the question was refused."""
        return not self.arguments or self.arguments[2] != b"0"


Watch = Callable[["Task", Exception | None], object]


class Task(Pending):
    """A submitted job as its client sees it."""

    __slots__ = (
        "abandoned",
        "background",
        "declined",
        "done",
        "events",
        "extended",
        "function",
        "gap",
        "handle",
        "key",
        "moves",
        "needs",
        "packet",
        "pieces",
        "progress",
        "rejoin",
        "retries",
        "state",
        "unique",
        "watch",
    )

    def __init__(
        self, function: bytes, unique: bytes, key: bytes, packet: bytes, background: bool, retries: int
    ) -> None:
        super().__init__()
        self.function = function
        self.unique = unique
        self.key = key  # what decides on its server: equal jobs share it; empty where it is like no other
        self.packet = packet  # what submits it; empty where it needs the extension
        self.extended = (
            b""  # what submits it better where the server has the extension; empty where nothing does
        )
        self.needs = ""  # what needs the extension
        self.background = background
        self.retries = retries  # more submissions, should connections end before the acknowledgement
        self.moves = 0  # more submissions, should connections end after it
        self.declined: tuple[str, ...] = ()  # the servers that did not take it, because they stop
        self.rejoin: Question | None = None  # what its job did when it was moved last; None before
        self.pieces = 0  # WORK_DATA so far
        self.gap = False  # its job ran on while nobody listened here
        self.handle = b""  # empty before the first JOB_CREATED
        self.done = False  # nothing more will come: see ``error``
        self.abandoned = False  # nobody waits any more: what comes is thrown away
        self.state = JobState.PENDING
        self.progress = NO_PROGRESS
        self.events: deque[Event] = deque()  # what came and was not taken yet
        self.watch: Watch | None = None  # told when a server has the job, or none takes it

    def answer(self, arguments: list[bytes]) -> None:
        """Take the handle of JOB_CREATED."""
        before = self.handle
        self.handle = arguments[0]
        self.state = JobState.CREATED
        if before:
            self.moved(before)
        elif self.background:
            self.done = True
        elif not self.abandoned:
            self.events.append(Created(arguments[0].decode("utf-8", "replace")))
        super().answer(arguments)
        if self.watch is not None:
            self.tell_watch(None)

    def refuse(self, error: GearmanError) -> None:
        """The server did not take the job."""
        self.done = True
        self.state = JobState.LOST if isinstance(error, ConnectionLost) else JobState.FAILED
        super().refuse(error)
        self.tell_watch(error)

    def tell_watch(self, error: Exception | None) -> None:
        """Tell whoever watches that a server has the job, or why none has it."""
        if self.watch is not None:
            self.watch(self, error)

    def end(self, state: JobState) -> None:
        """Nothing more will come of this job."""
        self.done = True
        self.state = JobState.TIMED_OUT if self.abandoned else state
        self.news()

    def lose(self, server: str) -> None:
        """The connection ended, and the protocol does not know the task any more: a call was interrupted."""
        if self.events and isinstance(self.events[-1], Complete):
            return self.end(JobState.COMPLETE)
        handle = self.handle.decode("utf-8", "replace")
        why = f"a call to {server} was interrupted while job {handle} ran"
        self.error = ConnectionLost(why, server=server, handle=handle, submitted=True)
        self.end(JobState.LOST)

    def happened(self, event: Event) -> None:
        """Keep an event for whoever waits for it."""
        if self.abandoned:
            return
        self.state = JobState.RUNNING
        if isinstance(event, Progress):
            self.progress = event
            # Of reports that nobody has looked at, the last one is enough.
            if self.events and isinstance(self.events[-1], Progress):
                self.events.pop()
        self.events.append(event)
        self.news()

    def abandon(self) -> None:
        """Throw away what there is and what will come: nobody waits any more."""
        self.abandoned = True
        self.state = JobState.TIMED_OUT
        self.events.clear()
        self.tell_watch(TimeoutError("given up"))

    def piece(self, content: bytes) -> None:
        """Take a piece of the result."""
        if self.gap:
            return self.break_off()
        self.pieces += 1
        self.happened(Data(content))

    def start_over(self) -> None:
        """Be submitted again, as ``moving.again`` has decided."""
        if isinstance(self.error, ConnectionLost):
            if self.handle:
                self.moves -= 1
            else:
                self.retries -= 1
        self.answered = self.done = False
        self.error = None
        self.state = JobState.PENDING

    def moved(self, before: bytes) -> None:
        """Take the handle of another server; ``before`` was the last one.

        A job that is queued, and another job, send their pieces from the first one on.
        """
        self.gap = before == self.handle and self.rejoin is not None and self.rejoin.may_be_running()
        if self.pieces and self.gap:
            return self.break_off()
        if self.pieces:
            self.pieces = 0
            self.events = deque([event for event in self.events if not isinstance(event, Data)])

    def break_off(self) -> None:
        """End here: a piece of the result may be missing."""
        self.abandon()
        handle = self.handle.decode("utf-8", "replace")
        self.error = ConnectionLost(
            f"job {handle} ran on while its connection was lost: a piece of its result may be missing",
            handle=handle,
            submitted=True,
        )
        self.done = True
        self.state = JobState.LOST
        self.news()

    def take_result(self) -> bytes:
        """The result: its pieces that were not taken as events, joined. Raises the job's error."""
        if self.error is not None:
            raise self.error
        if len(self.events) == 2 and isinstance(self.events[1], Complete):
            return self.events[1].data  # the usual case: created, complete
        return b"".join([event.data for event in self.events if isinstance(event, Data | Complete)])


class TaskFactory:
    """Makes tasks of what a program submits.

    ``prefix`` stands before each function's name; ``uniques`` gives uniques to jobs that have none; ``retries`` is
    how often a job is submitted again when a connection ends before the server has acknowledged it; ``resubmit`` lets
    a foreground job be submitted again when one ends after that.
    """

    def __init__(self, prefix: str, uniques: UniqueSource, retries: int, resubmit: bool) -> None:
        self.prefix = name(prefix, "prefix")
        self.uniques = uniques
        self.retries = retries
        self.moves = MOST_MOVES if resubmit else 0

    def task(
        self,
        function: str | bytes,
        workload: Payload,
        unique: str | bytes | Unique | None,
        priority: int,
        background: bool,
        due: Due | None,
        metadata: Mapping[str, str] | None = None,
        hints: Mapping[str, str] | None = None,
    ) -> Task:
        """A task that is not submitted yet; raises SettingsError.

        ``hints`` are metadata that only a server with the extension gets, and that may be left out elsewhere.
        """
        function_name = self.prefix + name(function, "function")
        content = payload(workload)
        key = b""
        if unique is None:
            unique_name = self.uniques.next()
        elif isinstance(unique, Unique):
            unique_name = unique.value
            if unique is Unique.CONTENT:
                key = content
        else:
            unique_name = key = name(unique, "unique")
        if due is None and not metadata and not hints:
            packet = submission(function_name, unique_name, content, priority, background, None)
            task = Task(function_name, unique_name, key, packet, background, self.retries)
        else:
            task = self.extended_task(
                function_name, unique_name, key, content, priority, background, due, metadata, hints
            )
        if key or unique is None:  # the same submission can join the job
            task.moves = self.moves
        return task

    def extended_task(
        self,
        function: bytes,
        unique: bytes,
        key: bytes,
        workload: bytes,
        priority: int,
        background: bool,
        due: Due | None,
        metadata: Mapping[str, str] | None,
        hints: Mapping[str, str] | None,
    ) -> Task:
        """A task that a server with the extension takes just as it is, and another one perhaps not."""
        check_metadata(metadata or {})
        needs = needs_extension(priority, due, metadata)
        run_at = None if due is None else due.run_at
        packet = b"" if needs else submission(function, unique, workload, priority, background, run_at)
        task = Task(function, unique, key, packet, background, self.retries)
        task.needs = needs
        # Gearman knows whole seconds only, and no delay: it would be counted by the clock of another machine.
        if needs or hints or (due is not None and (due.run_at % 1 or due.delay is not None)):
            known = {**(hints or {}), **(metadata or {})}
            task.extended = extended_submission(function, unique, workload, priority, background, due, known)
        return task


def batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Tasks in lists that are worth a write of their own."""
    batch: list[Task] = []
    size = 0
    for task in tasks:
        batch.append(task)
        size += len(task.packet)
        if len(batch) >= BATCH_JOBS or size >= BATCH_BYTES:
            yield batch
            batch = []
            size = 0
    if batch:
        yield batch
