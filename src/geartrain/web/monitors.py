"""What monitors ask: metrics, and whether the server lives and takes jobs."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from geartrain.web.answers import answer, told
from geartrain.web.identity import Door
from geartrain.web.metrics import exposition
from geartrain.web.problems import Problem
from geartrain.web.readings import Readings


class Monitors:
    """The answers for monitors. ``most`` functions have metrics of their own, the others are one."""

    def __init__(self, readings: Readings, most: int, door: Door) -> None:
        self.readings = readings
        self.door = door
        self.most = most

    def routes(self) -> list[Route]:
        return [
            Route("/metrics", self.metrics),
            Route("/livez", self.livez),
            Route("/readyz", self.readyz),
        ]

    async def metrics(self, request: Request) -> Response:
        try:
            identity = await self.door.identify(request)
            self.door.check(identity)
        except Problem as problem:
            return told(problem)
        if not self.door.keeper.may_view(identity):
            return told(Problem(403, "metrics want the right view on any function"))
        text = await exposition(self.readings, self.most, self.door.keeper.sees(identity))
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def livez(self, request: Request) -> Response:
        """The process answers."""
        return answer({"alive": True, "loop_lag": self.readings.loop_lag()})

    async def readyz(self, request: Request) -> Response:
        """Whether jobs should be sent here."""
        faults = self.readings.faults()
        warnings = self.readings.warnings()
        said = {"ready": not faults, "reasons": faults, **({"warnings": warnings} if warnings else {})}
        return answer(said, 503 if faults else 200)
