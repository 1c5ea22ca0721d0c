"""The supervisor of ``geartrain worker module:app``: it keeps worker processes at work, and never imports the app."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from geartrain.errors import SettingsError
from geartrain.tasks.child import Child
from geartrain.tasks.plan import Plan, log_to_stderr
from geartrain.tasks.sources import Sources
from geartrain.tls import TLS

GRACE: Final = 10.0  # seconds
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
    reload: bool = False,
) -> None:
    """Run the tasks of an app in processes until SIGTERM or SIGINT, and let running jobs end.

    ``app`` is "module:app"; ``servers`` and ``tls`` None take those of the app. SIGHUP replaces the processes one by
    one, each when its successor is at work. A second SIGTERM or SIGINT, or the end of ``grace`` seconds, ends jobs at
    once: the servers queue them again. Raises SettingsError when the app cannot be imported.
    """
    if servers is not None:
        servers = (servers,) if isinstance(servers, str) else tuple(servers)
    plan = Plan(app, servers, tls, processes, concurrency, max_jobs, max_lifetime, max_rss, grace, reload)
    log_to_stderr()
    asyncio.run(Supervisor(plan).run())


class Place:
    """One of the processes that there should be: whoever has it now."""

    def __init__(self, supervisor: Supervisor, child: Child) -> None:
        self.supervisor = supervisor
        self.child = child
        self.deaths = 0  # early ones, in a row
        self.changing = asyncio.Lock()

    async def keep(self) -> None:
        """Replace the process whenever it ends."""
        while True:
            child = self.child
            how = await child.ended()
            if child is self.child:
                await self.pause(child, how)
            async with self.changing:
                if child is self.child:
                    await self.replace()

    async def pause(self, child: Child, how: str) -> None:
        """Wait before the next start, the longer the more often processes died early."""
        if not how:
            self.deaths = 0
            return
        self.deaths = 0 if child.age() > LONG_LIFE else self.deaths + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self.deaths - 1, 16)) if self.deaths else 0.0
        log.error("process %d ended: %s; the next one starts in %.1f s", child.process.pid, how, pause)
        await asyncio.sleep(pause)

    async def replace(self) -> None:
        """Start the next process after the last one has ended."""
        self.child = await self.supervisor.start()
        problem = await self.child.problem()
        if problem:
            log.error("%s", problem)

    async def renew(self) -> None:
        """Start the next process, and stop the present one when that is at work."""
        async with self.changing:
            successor = await self.supervisor.start()
            problem = await successor.problem()
            if problem:
                return log.error("%s; process %d goes on", problem, self.child.process.pid)
            before, self.child = self.child, successor
        await before.stop(self.supervisor.plan.grace)


class Supervisor:
    """Keeps as many processes as the plan says."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sources = Sources(Path.cwd()) if plan.reload else None  # None where nobody wants to know
        self.stopped = asyncio.Event()
        self.renewal = asyncio.Event()  # the processes are to be replaced
        self.children: list[Child] = []  # every process that may be there
        self.places: list[Place] = []

    async def run(self) -> None:
        """Work until ``stop``; raises SettingsError when the app cannot be imported."""
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
            await asyncio.gather(*(child.stop(self.plan.grace) for child in self.children))
        log.info("stopped")

    async def begin(self) -> None:
        """Start the processes: first one, to see whether the app can be imported, then the others."""
        child = await self.start()
        while problem := await child.problem():
            if self.sources is None:
                raise SettingsError(problem)
            log.error("%s; waiting for a change", problem)
            log.info("%s changed", await self.sources.changed())
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
        child = await Child.start(self.plan)
        self.children = [each for each in self.children if each.process.returncode is None]
        self.children.append(child)
        return child

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
