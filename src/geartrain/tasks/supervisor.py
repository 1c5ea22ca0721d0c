"""The supervisor of ``geartrain worker module:app``: it keeps worker processes at work, and never imports the app."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from geartrain.errors import SettingsError
from geartrain.tasks.child import LOOK, PATIENCE, Child
from geartrain.tasks.first_process import reap_as_first_process
from geartrain.tasks.plan import Plan, log_to_stderr
from geartrain.tasks.sources import Sources
from geartrain.tls import TLS

GRACE: Final = 10.0  # seconds
KILL_AFTER: Final = 5.0  # seconds
START_TIMEOUT: Final = 60.0  # seconds
MOST_HELPERS: Final = 3  # processes beside one that hangs
FIRST_PAUSE: Final = 0.5  # seconds before a process that died is replaced
LONGEST_PAUSE: Final = 30.0  # seconds
LONG_LIFE: Final = 60.0  # seconds after which an early death is forgotten

log: Final = logging.getLogger("geartrain.supervisor")


def run(
    app: str,
    *,
    servers: str | Iterable[str] | None = None,
    tls: TLS | None = None,
    processes: int = 1,
    concurrency: int = 1,
    max_jobs: int | None = None,
    max_lifetime: float | None = None,
    max_rss: int | None = None,
    grace: float = GRACE,
    kill_after: float = KILL_AFTER,
    start_timeout: float = START_TIMEOUT,
    reload: bool = False,
) -> None:
    """Run the tasks of an app in processes until SIGTERM or SIGINT, and let running jobs end.

    ``app`` is "module:app"; ``servers`` and ``tls`` None take those of the app. SIGHUP replaces the processes one by
    one, each when its successor is at work. A second SIGTERM or SIGINT, or the end of ``grace`` seconds, ends jobs at
    once: the servers queue them again. A process whose function goes on ``kill_after`` seconds after its job was
    taken away is replaced; its other jobs may end. An app that fails to be imported, or is not in ``start_timeout``
    seconds, is tried again. Raises SettingsError when there is no such app.
    """
    if servers is not None:
        servers = (servers,) if isinstance(servers, str) else tuple(servers)
    plan = Plan(
        app,
        servers,
        tls,
        processes=processes,
        concurrency=concurrency,
        max_jobs=max_jobs,
        max_lifetime=max_lifetime,
        max_rss=max_rss,
        grace=grace,
        kill_after=kill_after,
        start_timeout=start_timeout,
        reload=reload,
    )
    reap_as_first_process()
    log_to_stderr()
    asyncio.run(Supervisor(plan).run())


class Place:
    """One of the processes that there should be: whoever has it now."""

    def __init__(self, supervisor: Supervisor, child: Child) -> None:
        self.supervisor = supervisor
        self.plan = supervisor.plan
        self.child = child
        self.deaths = 0  # early ones, in a row
        self.changing = asyncio.Lock()

    async def keep(self) -> None:
        """Replace the process whenever it ends, or hangs in a job that is not its own any more."""
        while True:
            child = self.child
            how = await self.watch(child)
            if child is self.child:
                await self.pause(child, how)
            async with self.changing:
                if child is self.child:
                    self.child = await self.supervisor.start()

    async def watch(self, child: Child) -> str:
        """Wait until the process ends, and say how it was, or until another one has its place."""
        ended = asyncio.create_task(child.ended())
        while not ended.done() and child is self.child:
            await asyncio.wait([ended], timeout=LOOK)
            if child.is_full_of_lost(PATIENCE) or child.lost(self.plan.kill_after):
                await self.relieve(child)
        return ended.result() if ended.done() else ""

    async def relieve(self, child: Child) -> None:
        """Start another process beside one that hangs; it has the place if the first one does not come to itself."""
        async with self.changing:
            if child is not self.child:
                return None
            helpers: list[Child] = []
            while not child.lost(self.plan.kill_after):
                if not child.is_full_of_lost(PATIENCE):
                    return self.supervisor.dismiss(helpers)
                if len(helpers) < MOST_HELPERS and not any(helper.is_free() for helper in helpers):
                    helpers.append(await self.supervisor.start())
                await asyncio.sleep(LOOK)
            free = next((helper for helper in helpers if helper.is_free()), None)
            self.child = free or await self.supervisor.start()
        child.tell_of_lost("takes no new jobs and is replaced")
        self.supervisor.dismiss([child, *(helper for helper in helpers if helper is not free)])

    async def pause(self, child: Child, how: str) -> None:
        """Wait before the next start, the longer the more often processes died early."""
        if not how:
            self.deaths = 0
            return
        self.deaths = 0 if child.age() > LONG_LIFE else self.deaths + 1
        pause = pause_after(self.deaths)
        log.error("process %d ended: %s; the next one starts in %.1f s", child.process.pid, how, pause)
        await asyncio.sleep(pause)

    async def renew(self) -> None:
        """Start the next process, and stop the present one when that is at work."""
        async with self.changing:
            successor = await self.supervisor.start()
            problem = await successor.problem()
            if problem:
                return log.error("%s; process %d goes on", problem, self.child.process.pid)
            before, self.child = self.child, successor
        await before.stop()


class Supervisor:
    """Keeps as many processes as the plan says."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sources = Sources(Path.cwd()) if plan.reload else None  # None where nobody wants to know
        self.stopped = asyncio.Event()
        self.renewal = asyncio.Event()  # the processes are to be replaced
        self.children: list[Child] = []  # every process that may be there
        self.places: list[Place] = []
        self.dismissals: set[asyncio.Task[None]] = set()  # of processes that are to end beside the others

    async def run(self) -> None:
        """Work until ``stop``; raises SettingsError when there is no such app."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.renewal.set)
        beginning = asyncio.create_task(self.begin())
        stopped = asyncio.create_task(self.stopped.wait())
        await asyncio.wait([beginning, stopped], return_when=asyncio.FIRST_COMPLETED)
        try:
            if beginning.done():
                beginning.result()
                await self.supervise()
        finally:
            beginning.cancel()
            stopped.cancel()
            await asyncio.gather(*(child.stop() for child in self.children))
        log.info("stopped")

    async def begin(self) -> None:
        """Start the processes: first one, to see whether the app can be imported, then the others."""
        failures = 0
        child = await self.start()
        while problem := await child.problem():
            if self.sources is not None:
                log.error("%s; waiting for a change", problem)
                log.info("%s changed", await self.sources.changed())
            elif await child.is_misused():
                raise SettingsError(problem)
            else:
                failures += 1
                log.error("%s; the next try is in %.1f s", problem, pause_after(failures))
                await asyncio.sleep(pause_after(failures))
            child = await self.start()
        others = [await self.start() for _ in range(self.plan.processes - 1)]
        self.places = [Place(self, each) for each in (child, *others)]

    async def supervise(self) -> None:
        """Keep all places until ``stop``."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(place.keep()) for place in self.places]
            tasks.append(group.create_task(self.renew()))
            if self.sources is not None:
                tasks.append(group.create_task(self.watch(self.sources)))
            await self.stopped.wait()
            for task in tasks:
                task.cancel()

    async def start(self) -> Child:
        """Start a process that ``stop`` will stop."""
        failures = 0
        while True:
            try:
                child = await Child.begin(self.plan)
                break
            except OSError as error:  # the machine has too many processes, or no memory
                failures += 1
                log.error(
                    "cannot start a process: %s; the next try is in %.1f s", error, pause_after(failures)
                )
                await asyncio.sleep(pause_after(failures))
        self.children = [each for each in self.children if each.process.returncode is None]
        self.children.append(child)
        return child

    def dismiss(self, children: Sequence[Child]) -> None:
        """Have processes end beside the others."""
        for child in children:
            task = asyncio.create_task(child.stop())
            self.dismissals.add(task)
            task.add_done_callback(self.dismissals.discard)

    async def renew(self) -> None:
        """Replace the processes one by one, whenever that is asked for."""
        while True:
            await self.renewal.wait()
            self.renewal.clear()
            for place in self.places:
                await place.renew()

    async def watch(self, sources: Sources) -> None:
        """Ask for new processes when a source file changes."""
        while True:
            log.info("%s changed", await sources.changed())
            self.renewal.set()

    def stop(self) -> None:
        """Stop after the running jobs; at the second time, at once."""
        if not self.stopped.is_set():
            log.info("stopping; running jobs have %g s", self.plan.grace)
            return self.stopped.set()
        for child in self.children:
            child.kill()


def pause_after(failures: int) -> float:
    """Seconds before the next start, after so many that failed in a row."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(failures - 1, 16)) if failures else 0.0
