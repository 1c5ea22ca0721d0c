"""The broker: everything that may happen to a job."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Final

from geartrain.broker.archive import Archive
from geartrain.broker.batch import Batch
from geartrain.broker.deadlines import NEVER, Deadlines
from geartrain.broker.model import HIGH, KEPT, LOW, NORMAL, UNLIMITED, Connection, Function, Job
from geartrain.broker.revocation import revoke
from geartrain.broker.rules import Rules
from geartrain.broker.sleepers import Sleepers
from geartrain.protocol.commands import WORK_FAIL
from geartrain.protocol.packet import response

CLOCK_CHECK: Final = 1.0  # seconds after which delayed jobs are looked at anyway: the clock may have been set


class Broker:
    """All jobs, functions and connections of one server.

    It never looks at a clock: before each turn its owner calls ``set_time``.
    """

    def __init__(self, rules: Rules, has_store: bool = False) -> None:
        self.rules = rules
        self.batch = Batch() if has_store else None  # None where no store keeps jobs
        self.prefix = rules.prefix + b":"
        self.max_unique = rules.max_unique
        self.sleepers = Sleepers(rules.worker_wakeup, rules.wakes_more)
        self.now = 0.0  # monotonic seconds
        self.clock = 0.0  # Unix time
        # Every job, by number: keys of bytes would be scattered over the memory of a deep queue.
        self.jobs: dict[int, Job] = {}
        self.memory = 0  # bytes of the workloads that are not in the store only
        self.archive = Archive()
        # Jobs whose workload the store is asked for, and the kind of GRAB_JOB, by what stands for the answer.
        self.fetches: dict[bytes, tuple[Job, int]] = {}
        self.functions: dict[bytes, Function] = {}
        self.limits: dict[bytes, tuple[int, int, int]] = {}  # set for a name, whether or not it is known yet
        self.connections: dict[Connection, None] = {}
        self.dirty: list[Connection] = []  # connections with something to write
        self.hungry: list[Connection] = []  # workers that got NO_JOB in this turn
        self.notices: list[str] = []  # for the log
        self.delayed = Deadlines()  # epoch jobs whose time has not come, by Unix time
        self.time_limits = Deadlines()  # running jobs with a time limit, by monotonic time
        self.stopping = False
        self.last_handle = 0
        self.reserved = 0  # numbers up to it are not given again, even after a crash
        self.last_place = 0

    # Connections

    def connect(self, number: int, host: bytes) -> Connection:
        """A new peer."""
        connection = Connection(number, host, self.rules.exceptions, self.dirty)
        self.connections[connection] = None
        return connection

    def disconnect(self, connection: Connection) -> None:
        """The peer is gone: so are its abilities, and what it ran is queued again."""
        del self.connections[connection]
        self.sleepers.leave(connection)
        for function in connection.abilities:
            del function.workers[connection]
        connection.abilities.clear()
        for job in list(connection.waiting):
            self.leave(connection, job)
        for job in list(connection.running.values()):
            self.lose(job)

    def stop(self) -> None:
        """Hand out no more work and take no more jobs; what runs may end."""
        self.stopping = True
        for connection in self.connections:
            for function in list(connection.abilities):
                self.remove_ability(connection, function)

    def is_running_jobs(self) -> bool:
        """Whether any worker has a job."""
        return any(function.running for function in self.functions.values())

    # Functions

    def function(self, name: bytes) -> Function:
        """The function of that name, made if it is new."""
        function = self.functions.get(name)
        if function is None:
            function = Function(name, self.limits.get(name, UNLIMITED))
            self.functions[name] = function
        return function

    def limit(self, name: bytes, limits: tuple[int, int, int]) -> None:
        """Set a function's queue limits by priority, now and for when it becomes known."""
        if limits == UNLIMITED:
            self.limits.pop(name, None)
        else:
            self.limits[name] = limits
        if name in self.functions:
            self.functions[name].limits = limits

    def drop(self, function: Function) -> None:
        """Remove a function without workers or running jobs; whoever waits for a queued job hears WORK_FAIL."""
        function.due = []  # all at once: to take them from the heap one by one is slow
        for job in [job for job in self.jobs.values() if job.function is function]:
            self.cancel(job)
        del self.functions[function.name]

    def add_ability(self, connection: Connection, name: bytes, time_limit: float) -> None:
        """The worker can do a function, in ``time_limit`` seconds (0 is any time)."""
        connection.worker = True
        if self.stopping:
            return
        function = self.function(name)
        if connection not in function.workers:
            connection.abilities.insert(0, function)
        function.workers[connection] = time_limit
        if connection.asleep:
            self.sleepers.learn(connection, function)

    def remove_ability(self, connection: Connection, function: Function) -> None:
        """The worker takes no new jobs of a function; what it runs stays with it."""
        if function.workers.pop(connection, None) is None:
            return
        connection.abilities.remove(function)
        function.sleepers.pop(connection, None)

    # Submitting

    def submit(
        self,
        name: bytes,
        unique: bytes,
        reducer: bytes,
        workload: bytes,
        priority: int,
        client: Connection | None,
        run_at: float,
    ) -> Job | None:
        """Queue a job or join an equal one; None when the function's queue is full.

        ``client`` is who waits for it, None in the background; ``run_at`` is Unix time, 0 for at once.
        """
        function = self.functions.get(name)
        if function is None:
            function = self.function(name)
        if unique:
            equal = function.equal(unique, workload)
            if equal is not None:
                self.join(equal, client)
                return equal
        if function.limits[priority] > 0 and function.total() >= function.limits[priority]:
            return None
        self.last_handle += 1
        handle = self.prefix + b"%d" % self.last_handle
        job = Job(handle, function, unique, reducer, workload, priority, client is None, self.clock, run_at)
        job.number = self.last_handle
        if client is not None:
            job.clients = [client]
            client.waiting[job] = None
        elif self.batch is not None:
            self.batch.add(job)
        self.place(job)
        return job

    def place(self, job: Job) -> None:
        """Let a new job be found by its number, and run when its time has come."""
        self.jobs[job.number] = job
        if job.workload is not None:
            self.memory += job.size
        if job.unique:
            job.function.remember(job)
        if job.run_at > self.clock:
            self.delay(job)
            return
        job.run_at = 0.0
        self.queue(job)

    def job_by_unique(self, unique: bytes) -> Job | None:
        """A job with that unique in any function: a running one before the others, the oldest of them first."""
        found: Job | None = None
        for function in self.functions.values():
            job = function.uniques.get(unique)
            if job is None:
                continue
            if found is None or (job.worker is None, job.place) < (found.worker is None, found.place):
                found = job
        return found

    def join(self, job: Job, client: Connection | None) -> None:
        """One more submit of the same job."""
        if client is None:
            if self.batch is not None and job.kept != KEPT:
                self.batch.add(job)
            job.background = True
            return
        if job.clients is None:
            job.clients = []
        job.clients.append(client)
        client.waiting[job] = None

    def leave(self, client: Connection, job: Job) -> None:
        """The client does not wait any more; a queued job that nobody wants is dropped."""
        client.waiting.pop(job, None)
        job.clients = [other for other in job.clients or () if other is not client] or None
        if job.clients is None and not job.background and job.worker is None:
            self.withdraw(job)

    # Waiting for a worker

    def queue(self, job: Job) -> None:
        """Put a job at the tail and wake who sleeps."""
        self.last_place += 1
        job.place = self.last_place
        job.function.queues[job.priority].append(job)
        if job.function.sleepers:
            self.sleepers.call(job.function)

    def delay(self, job: Job) -> None:
        """Keep an epoch job until its time."""
        self.last_place += 1
        job.place = self.last_place
        job.function.delayed += 1
        self.delayed.set(job, job.run_at)

    def ripen(self, job: Job) -> None:
        """An epoch job's time has come: it is served by its place in the queue, as gearmand does."""
        function = job.function
        function.delayed -= 1
        job.queued = True
        heappush(function.due, (job.place, job))
        if function.sleepers:
            self.sleepers.call(function)

    def withdraw(self, job: Job) -> None:
        """Remove a job that no worker has."""
        function = job.function
        if job.alarm:
            self.delayed.cancel(job)
            function.delayed -= 1
        elif job.run_at:
            function.due = [entry for entry in function.due if entry[1] is not job]
            heapify(function.due)
        else:
            function.queues[job.priority].remove(job)
        self.forget(job)

    # Running

    def grab(self, connection: Connection) -> Job | None:
        """Give the worker the next job it is able to do: by priority first, then its functions in turn."""
        if connection.asleep or connection.woken:
            self.sleepers.get_up(connection)
        abilities = connection.abilities
        for priority in (HIGH, NORMAL, LOW):
            for function in abilities:
                if not function.queues[priority].jobs and (priority != NORMAL or not function.due):
                    continue
                job = self.next_job(function, priority)
                if job is None:
                    continue
                if len(abilities) > 1:
                    abilities.remove(function)
                    abilities.append(function)
                self.assign(job, connection)
                return job
        return None

    def next_job(self, function: Function, priority: int) -> Job | None:
        """Take the job of that priority whose turn it is from its queue."""
        queue = function.queues[priority]
        if priority != NORMAL or not function.due:
            return queue.take()
        first = queue.first()
        if first is not None and first.place < function.due[0][0]:
            return queue.take()
        job = heappop(function.due)[1]
        job.queued = False
        job.run_at = 0.0
        return job

    def assign(self, job: Job, connection: Connection) -> None:
        """The job is the worker's."""
        function = job.function
        job.worker = connection
        job.started_at = self.clock
        connection.running[job.handle] = job
        function.running += 1
        time_limit = function.workers[connection]
        if time_limit:
            self.time_limits.set(job, self.now + time_limit)

    def release(self, job: Job) -> None:
        """The job is nobody's any more."""
        if job.worker is None:
            return
        del job.worker.running[job.handle]
        job.worker = None
        job.function.running -= 1
        if job.alarm:
            self.time_limits.cancel(job)

    def finish(self, job: Job) -> None:
        """The worker has said the job's final word."""
        self.release(job)
        self.forget(job)

    def lose(self, job: Job) -> None:
        """The worker is gone or too slow: run the job again, if anybody wants it and it may."""
        self.release(job)
        job.attempts += 1
        if job.clients is None and not job.background:
            return self.forget(job)
        most = self.rules.job_retries
        if most >= 0 and job.attempts >= most:
            self.note("dropped job due to max retry count", job)
            return self.fail(job)
        job.numerator = 0
        job.denominator = 0
        self.queue(job)

    def cancel(self, job: Job) -> None:
        """End a job for whoever waits for it; what its worker still says of it will be ignored."""
        if job.worker is None:
            self.tell_failure(job)
            return self.withdraw(job)
        revoke(job, b"cancelled")
        self.release(job)
        self.fail(job)

    def fail(self, job: Job) -> None:
        """End a job that neither runs nor is queued."""
        self.tell_failure(job)
        self.forget(job)

    def tell_failure(self, job: Job) -> None:
        """WORK_FAIL to everybody who waits."""
        if job.clients:
            packet = response(WORK_FAIL, job.handle)
            for client in job.clients:
                client.send(packet)

    def forget(self, job: Job) -> None:
        """The job does not exist any more."""
        del self.jobs[job.number]
        if job.workload is not None:
            self.memory -= job.size
        if job.unique:
            job.function.forget(job)
        if self.batch is not None and job.background:
            self.batch.remove(job)
        if job.clients is not None:
            for client in job.clients:
                if job in client.waiting:  # a client that submitted it twice is listed twice
                    del client.waiting[job]
            job.clients = None

    # Time

    def set_time(self, now: float, clock: float) -> None:
        """Say what time it is: monotonic seconds, and Unix time."""
        self.now = now
        self.clock = clock
        self.sleepers.now = now

    def tick(self) -> None:
        """Do what is due at ``now`` and ``clock``."""
        if self.delayed.heap:
            for job in self.delayed.take(self.clock):
                self.ripen(job)
        if self.time_limits.heap:
            for job in self.time_limits.take(self.now):
                self.note("worker timeout reached on job", job)
                revoke(job, b"timeout")
                self.lose(job)
        if self.now >= self.sleepers.look_again:
            self.sleepers.tick()

    def wait(self) -> float:
        """How many seconds may pass until the next ``tick``; NEVER while nothing is set."""
        soonest = self.sleepers.look_again
        if self.time_limits.heap:
            soonest = min(soonest, self.time_limits.next())
        if soonest != NEVER:
            soonest = max(soonest - self.now, 0.0)
        if self.delayed.heap:
            soonest = min(soonest, max(self.delayed.next() - self.clock, 0.0), CLOCK_CHECK)
        return soonest

    def note(self, event: str, job: Job) -> None:
        """Leave a line for the log."""
        handle = job.handle.decode("utf-8", "backslashreplace")
        unique = job.unique.decode("utf-8", "backslashreplace")
        self.notices.append(f"{event} handle={handle} unique={unique}")
