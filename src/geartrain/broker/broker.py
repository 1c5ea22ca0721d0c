"""The broker: everything that may happen to a job."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final

from geartrain.broker.access import Access
from geartrain.broker.accidents import Accident
from geartrain.broker.archive import Archive, Damage
from geartrain.broker.batch import Batch
from geartrain.broker.deadlines import Deadlines
from geartrain.broker.deeds import Deed
from geartrain.broker.endings import abandon, lose
from geartrain.broker.events import Events
from geartrain.broker.idle import Idle
from geartrain.broker.lists import Lists
from geartrain.broker.model import HIGH, KEPT, LOW, MOST_WAITS, NORMAL, Connection, Function, Job
from geartrain.broker.openings import Openings
from geartrain.broker.policy import Policies
from geartrain.broker.results import keep_result
from geartrain.broker.revocation import revoke
from geartrain.broker.rules import Rules, no_chance, no_file, nothing
from geartrain.broker.schedules import Schedules
from geartrain.broker.sleepers import Sleepers
from geartrain.broker.tally import LONGEST
from geartrain.protocol.commands import WORK_FAIL
from geartrain.protocol.packet import response

CLOCK_SET: Final = 5.0  # seconds by which a time is off where the clock was set meanwhile


class Broker:
    """All jobs, functions and connections of one server.

    It never looks at a clock: before each turn its owner calls ``set_time``. ``random`` gives numbers from 0 to 1.
    """

    def __init__(
        self, rules: Rules, has_store: bool = False, random: Callable[[], float] = no_chance
    ) -> None:
        self.rules = rules
        self.random = random
        self.batch = Batch() if has_store else None  # None where no store keeps jobs
        self.prefix = rules.prefix + b":"
        self.max_unique = rules.max_unique
        self.sleepers = Sleepers(rules.worker_wakeup, rules.wakes_more)
        self.now = 0.0  # monotonic seconds
        self.clock = 0.0  # Unix time
        # Every job, by number: keys of bytes would be scattered over the memory of a deep queue.
        self.jobs: dict[int, Job] = {}
        self.memory = 0  # bytes of the workloads that are not in the store only
        self.archive = Archive(rules.max_results, rules.memory)
        # Jobs whose workload the store is asked for, and the kind of GRAB_JOB, by what stands for the answer.
        self.fetches: dict[bytes, tuple[Job, int]] = {}
        self.functions: dict[bytes, Function] = {}
        self.policies = Policies()
        self.connections: dict[Connection, None] = {}
        self.dirty: list[Connection] = []  # connections with something to write
        self.hungry: list[Connection] = []  # workers that got NO_JOB in this turn
        self.notices: list[str] = []  # for the log
        self.accidents: list[Accident] = []  # for the log, and to end the connections in them
        self.damage = Damage()
        self.deeds: list[Deed] = []  # for the audit log
        self.asker: Access | None = None  # whose question is being answered; None where no rules apply
        self.drained: list[Connection] = []  # relayed peers that were drained or not, for their servers
        self.schedules = Schedules(self.notices, rules.max_schedules, rules.max_function_schedules)
        self.delayed = Deadlines(1)  # jobs whose time has not come, by Unix time
        self.countdowns = Deadlines(2)  # the same, of a delay that has not passed, by monotonic time
        self.time_limits = Deadlines(3)  # running jobs with a time limit, by monotonic time
        self.lifetimes = Deadlines(4)  # queued jobs that may not wait for ever, by monotonic time
        self.openings = Openings()  # functions that are out of their rate, by monotonic time
        self.lists = Lists()
        self.idle = Idle()
        self.relayed = False  # the connections are peers of servers that keep account of what each runs
        self.events: Events | None = None  # None while nobody watches
        self.reattach: Callable[[], str] = no_file  # has a lost file written anew; why not
        self.about: Callable[[], dict[str, object]] = nothing  # what its owner knows of the server
        self.stopping = False
        self.step = rules.shards  # from a handle's number to the next
        self.last_handle = rules.shard
        self.reserved = 0  # numbers up to it are not given again, even after a crash
        self.last_place = 0
        self.last_serial = 0
        self.is_in_order = True  # ``jobs`` is in the order of their numbers

    # Connections

    def connect(self, number: int, host: bytes) -> Connection:
        """A new peer."""
        connection = Connection(number, host, self.rules.exceptions, self.dirty)
        self.last_serial += 1
        connection.serial = self.last_serial
        self.connections[connection] = None
        return connection

    def disconnect(self, connection: Connection) -> None:
        """The peer is gone: so are its abilities, and what it ran is queued again."""
        del self.connections[connection]
        self.sleepers.leave(connection)
        self.lists.forget(connection)
        self.remove_abilities(connection)
        for job in list(connection.waiting):
            self.leave(connection, job)
        for job in list(connection.running.values()):
            lose(self, job, "lost")

    def stop(self) -> None:
        """Hand out no more work and take no more jobs; what runs may end."""
        self.stopping = True
        self.schedules.stop()
        for connection in self.connections:
            self.remove_abilities(connection)

    # Functions

    def function(self, name: bytes) -> Function:
        """The function of that name, made if it is new."""
        function = self.functions.get(name)
        if function is None:
            function = Function(name, self.policies.of(name))
            self.functions[name] = function
            self.idle.noted[name] = None
        return function

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

        if not function.workers:
            self.idle.noted[function.name] = None

    def remove_abilities(self, connection: Connection) -> None:
        """The worker takes no new jobs."""
        for function in connection.abilities:
            del function.workers[connection]
            function.sleepers.pop(connection, None)
            if not function.workers:
                self.idle.noted[function.name] = None
        connection.abilities.clear()

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
        """Queue a job or join an equal one; None when the function refuses it, see ``Function.refusal``.

        ``client`` is who waits for it, None in the background; ``run_at`` is Unix time, 0 for at once.
        """
        function = self.functions.get(name)
        if function is None:
            function = self.function(name)
        if unique:
            equal = function.equal(unique, workload)
            if equal is not None:
                if client is not None and client.waiting.get(equal, 0) >= MOST_WAITS:
                    return None
                self.join(equal, client)
                function.tally.joined += 1
                if self.events is not None:
                    self.events.add(self.clock, "joined", equal)
                return equal
        if function.policy is not None and function.refusal(priority):
            return None
        self.last_handle += self.step
        handle = self.prefix + b"%d" % self.last_handle
        job = Job(handle, function, unique, reducer, workload, priority, client is None, self.clock, run_at)
        job.number = self.last_handle
        if client is not None:
            job.clients = [client]
            client.waiting[job] = 1
        elif self.batch is not None:
            self.batch.add(job)
        function.tally.submitted += 1
        if self.events is not None:
            self.events.add(self.clock, "submitted", job)
        self.place(job)
        return job

    def place(self, job: Job) -> None:
        """Let a new job be found by its number, and run when its time has come."""
        self.jobs[job.number] = job
        if job.number != self.last_handle:
            self.is_in_order = False
        if job.workload is not None:
            self.memory += job.size
        if job.unique:
            job.function.remember(job)
        if not job.run_at:
            self.queue(job)
        elif job.run_at > self.clock:
            self.delay(job)
        else:
            self.last_place += 1
            job.place = self.last_place
            self.make_ready(job)

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
        client.waiting[job] = client.waiting.get(job, 0) + 1

    def leave(self, client: Connection, job: Job) -> None:
        """The client does not wait any more; a queued job that nobody wants is dropped."""
        client.waiting.pop(job, None)
        job.clients = [other for other in job.clients or () if other is not client] or None
        if job.clients is None and not job.background and job.worker is None:
            abandon(self, job)

    # Waiting for a worker

    def queue(self, job: Job) -> None:
        """Put a job at the tail and wake who sleeps."""
        self.last_place += 1
        job.place = self.last_place
        function = job.function
        function.queues[job.priority].append(job)
        if function.policy is not None:
            self.limit_life(job)
        if function.sleepers:
            self.sleepers.call(function)

    def delay(self, job: Job, seconds: float = 0.0) -> None:
        """Keep a job until its time; or for so many seconds, however the clock is set meanwhile."""
        self.last_place += 1
        job.place = self.last_place
        job.function.delayed[job.priority] += 1
        if seconds:
            self.count_down(job, seconds)
        else:
            self.delayed.set(job, job.run_at)

    def count_down(self, job: Job, seconds: float) -> None:
        """Let a delayed job's time come in so many seconds."""
        if job.alarm:
            self.delayed.cancel(job)
        job.counted = True
        self.countdowns.set(job, self.now + seconds)

    def ripen(self, job: Job) -> None:
        """A job's time has come."""
        job.function.delayed[job.priority] -= 1
        if job.counted:
            job.counted = False
            if abs(self.clock - job.run_at) > CLOCK_SET:
                job.run_at = self.clock
        self.make_ready(job)

    def make_ready(self, job: Job) -> None:
        """Let a job that had to wait be taken: an epoch job by its place in the queue, as gearmand does."""
        if not job.is_epoch():
            return self.queue(job)
        function = job.function
        job.queued = True
        heappush(function.due, (job.place, job))
        if function.policy is not None:
            self.limit_life(job)
        if function.sleepers:
            self.sleepers.call(function)

    def limit_life(self, job: Job) -> None:
        """Let a queued job end when it has waited for as long as its function's policy lets it."""
        policy = job.function.policy
        if policy is not None and policy.ttl:
            since = min(max(job.submitted_at, job.run_at), self.clock)  # the clock may have been set back
            self.lifetimes.set(job, self.now + (since - self.clock + policy.ttl))

    def withdraw(self, job: Job) -> None:
        """Take a job that no worker has from where it waits."""
        function = job.function
        if job.alarm:
            (self.lifetimes if job.queued else self.countdowns if job.counted else self.delayed).cancel(job)
            job.counted = False
        if not job.queued:
            function.delayed[job.priority] -= 1
        elif job.is_epoch():
            job.queued = False
            function.due = [entry for entry in function.due if entry[1] is not job]
            heapify(function.due)
        else:
            function.queues[job.priority].remove(job)

    # Running

    def grab(self, connection: Connection) -> Job | None:
        """Give the worker the next job it is able to do: by priority first, then its functions in turn."""
        if connection.asleep or connection.woken:
            self.sleepers.get_up(connection)
        if self.sleepers.suspended or connection.draining:
            return None
        abilities = connection.abilities
        for priority in (HIGH, NORMAL, LOW):
            for function in abilities:
                if not function.queues[priority].jobs and (priority != NORMAL or not function.due):
                    continue
                if function.policy is not None and not function.room(self.now):
                    continue
                job = self.next_job(function, priority)
                if job is None:
                    continue
                if len(abilities) > 1:
                    abilities.remove(function)
                    abilities.append(function)
                self.assign(job, connection)
                function.tally.started += 1
                if not job.attempts:
                    seconds = max(self.clock - max(job.submitted_at, job.run_at), 0.0)
                    function.tally.wait_seconds += seconds
                    function.tally.wait[min(int(seconds * 1000).bit_length(), LONGEST)] += 1
                if self.events is not None:
                    self.events.add(self.clock, "started", job)
                if function.bucket is not None:
                    function.bucket.take(self.now)
                    self.openings.watch(function, self.now)
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
        return job

    def assign(self, job: Job, connection: Connection) -> None:
        """The job is the worker's."""
        function = job.function
        job.worker = connection
        job.started_at = self.clock
        job.began = self.now
        if self.archive.chunks and self.archive.chunks.pop(job.number, None) is not None:
            job.late = None  # what they said before is forgotten: their results would not be whole
        connection.running[job.handle] = job
        function.running += 1
        if job.alarm:
            self.lifetimes.cancel(job)
        if function.policy is None and not function.workers.get(connection):  # as most are: no call for it
            return
        limit = function.time_limit(connection)
        if limit:
            self.time_limits.set(job, self.now + limit)

    def release(self, job: Job) -> None:
        """A running job is nobody's any more."""
        if job.worker is None:
            return
        del job.worker.running[job.handle]
        job.worker = None
        function = job.function
        function.running -= 1
        seconds = max(self.now - job.began, 0.0)
        function.tally.run_seconds += seconds
        function.tally.run[min(int(seconds * 1000).bit_length(), LONGEST)] += 1
        if job.alarm:
            self.time_limits.cancel(job)
        if self.archive.chunks and job.late is None:
            self.archive.chunks.pop(job.number, None)
        if function.policy is not None and function.policy.max_running and function.sleepers:
            self.sleepers.call(function)

    def cancel(self, job: Job) -> None:
        """End a job for whoever waits for it; what its worker still says of it will be ignored."""
        job.function.tally.cancelled += 1
        if self.events is not None:
            self.events.add(self.clock, "cancelled", job)
        revoke(self, job, b"cancelled")
        keep_result(self, job, "cancelled", b"")
        self.tell_failure(job)
        self.finish(job)

    def tell_failure(self, job: Job) -> None:
        """WORK_FAIL to everybody who waits."""
        if job.clients:
            packet = response(WORK_FAIL, job.handle)
            for client in job.clients:
                client.send(packet)

    def finish(self, job: Job, buried: bool = False) -> None:
        """The job is over, wherever it was: nothing knows it any more, but for a store that keeps a dead letter."""
        if job.worker is None:
            self.withdraw(job)
        else:
            self.release(job)
        job.late = None
        if self.archive.chunks:
            self.archive.chunks.pop(job.number, None)
        del self.jobs[job.number]
        if job.workload is not None:
            self.memory -= job.size
        if job.unique:
            job.function.forget(job)
        if not job.function.workers:
            self.idle.noted[job.function.name] = None
        if self.batch is not None and job.background and not buried:
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

    def note(self, event: str, job: Job) -> None:
        """Leave a line for the log."""
        handle = job.handle.decode("utf-8", "backslashreplace")
        unique = job.unique.decode("utf-8", "backslashreplace")
        self.notices.append(f"{event} handle={handle} unique={unique}")
