"""The job of a task that is called as a plain function."""

from __future__ import annotations

from geartrain.aio.worker_job import AsyncWorkerJob
from geartrain.jobs import WorkerJob
from geartrain.protocol.assignment import Assignment
from geartrain.protocol.events import Progress
from geartrain.protocol.submission import Payload, payload


class LocalJob(WorkerJob):
    """A stand-in that no server knows: it records what a plain function sends."""

    def __init__(self, function: str = "", workload: bytes = b"") -> None:
        super().__init__(Assignment(b"", function.encode(), b"", workload), self.unheard)
        self.statuses: list[Progress] = []
        self.chunks: list[bytes] = []
        self.warnings: list[bytes] = []

    def unheard(self, packet: bytes) -> None:
        """A packet of a job that no server knows goes nowhere."""

    def send_data(self, chunk: Payload) -> None:
        """Record a piece of the result."""
        self.chunks.append(payload(chunk))

    def send_warning(self, text: Payload) -> None:
        """Record a warning."""
        self.warnings.append(payload(text))

    def send_status(self, numerator: float, denominator: float) -> None:
        """Record how far the job is."""
        self.statuses.append(Progress(round(numerator), round(denominator)))


class AsyncLocalJob(AsyncWorkerJob):
    """The same for a coroutine function."""

    def __init__(self, function: str = "", workload: bytes = b"") -> None:
        super().__init__(Assignment(b"", function.encode(), b"", workload), self.unheard)
        self.record = LocalJob(function, workload)

    async def unheard(self, packet: bytes) -> None:
        """A packet of a job that no server knows goes nowhere."""

    async def send_data(self, chunk: Payload) -> None:
        """Record a piece of the result."""
        self.record.send_data(chunk)

    async def send_warning(self, text: Payload) -> None:
        """Record a warning."""
        self.record.send_warning(text)

    async def send_status(self, numerator: float, denominator: float) -> None:
        """Record how far the job is."""
        self.record.send_status(numerator, denominator)
