"""What a task set calls when something happens to one of its jobs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from geartrain.errors import GearmanError, JobException
from geartrain.protocol.events import Complete, Created, Data, Event, Progress, Warning

AnyJob = TypeVar("AnyJob")


class Callbacks(Generic[AnyJob]):
    """One function for each kind of event; None where nobody wants to know."""

    def __init__(
        self,
        on_created: Callable[[AnyJob], object] | None,
        on_data: Callable[[AnyJob, bytes], object] | None,
        on_warning: Callable[[AnyJob, bytes], object] | None,
        on_status: Callable[[AnyJob, Progress], object] | None,
        on_complete: Callable[[AnyJob, bytes], object] | None,
        on_exception: Callable[[AnyJob, JobException], object] | None,
        on_fail: Callable[[AnyJob, GearmanError], object] | None,
    ) -> None:
        self.on_created = on_created
        self.on_data = on_data
        self.on_warning = on_warning
        self.on_status = on_status
        self.on_complete = on_complete
        self.on_exception = on_exception
        self.on_fail = on_fail

    def event(self, job: AnyJob, event: Event) -> None:
        """Tell of an event."""
        match event:
            case Created() if self.on_created:
                self.on_created(job)
            case Data(chunk) if self.on_data:
                self.on_data(job, chunk)
            case Warning(text) if self.on_warning:
                self.on_warning(job, text)
            case Progress() if self.on_status:
                self.on_status(job, event)
            case Complete(last) if self.on_complete:
                self.on_complete(job, last)
            case _:
                pass

    def error(self, job: AnyJob, error: GearmanError) -> None:
        """Tell of a job that ended without a result: ``on_fail`` hears of everything but exceptions."""
        if isinstance(error, JobException):
            if self.on_exception:
                self.on_exception(job, error)
        elif self.on_fail:
            self.on_fail(job, error)
