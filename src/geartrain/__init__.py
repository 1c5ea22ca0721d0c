"""Geartrain: a Gearman job system in Python.

A public name brings its module when it is first used: a program that only submits jobs does not wait for an event loop.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from geartrain.errors import (
    ArgumentTooLarge,
    ConnectError,
    ConnectionLost,
    ExtensionMissing,
    Fail,
    GearmanError,
    JobCancelled,
    JobException,
    JobFailed,
    JobNotFound,
    JobTimeout,
    NoServers,
    PayloadError,
    PermissionDenied,
    ProtocolError,
    QueueFull,
    Reject,
    ResultNotKept,
    Retry,
    ReturnCode,
    ServerError,
    SettingsError,
    UnknownOption,
)
from geartrain.version import __version__

if TYPE_CHECKING:
    from geartrain.aio.admin import AsyncAdmin
    from geartrain.aio.client import AsyncClient
    from geartrain.aio.job import AsyncJob
    from geartrain.aio.worker import AsyncWorker
    from geartrain.aio.worker_job import AsyncWorkerJob
    from geartrain.jobs import JobHandle, JobStatus, WorkerJob
    from geartrain.protocol.events import Complete, Created, Data, Event, JobState, Progress, Warning
    from geartrain.protocol.history import JobHistory
    from geartrain.protocol.submission import Payload, Priority, Unique
    from geartrain.sync.admin import Admin
    from geartrain.sync.client import Client
    from geartrain.sync.job import Job
    from geartrain.sync.worker import Worker
    from geartrain.tasks.app import App
    from geartrain.tasks.results import AsyncTaskJob, Queued, TaskJob
    from geartrain.tasks.retry import RetryPolicy
    from geartrain.tasks.task import AsyncStreamTask, AsyncTask, StreamTask, Task
    from geartrain.tls import TLS

__all__ = [
    "TLS",
    "Admin",
    "App",
    "ArgumentTooLarge",
    "AsyncAdmin",
    "AsyncClient",
    "AsyncJob",
    "AsyncStreamTask",
    "AsyncTask",
    "AsyncTaskJob",
    "AsyncWorker",
    "AsyncWorkerJob",
    "Client",
    "Complete",
    "ConnectError",
    "ConnectionLost",
    "Created",
    "Data",
    "Event",
    "ExtensionMissing",
    "Fail",
    "GearmanError",
    "Job",
    "JobCancelled",
    "JobException",
    "JobFailed",
    "JobHandle",
    "JobHistory",
    "JobNotFound",
    "JobState",
    "JobStatus",
    "JobTimeout",
    "NoServers",
    "Payload",
    "PayloadError",
    "PermissionDenied",
    "Priority",
    "Progress",
    "ProtocolError",
    "QueueFull",
    "Queued",
    "Reject",
    "ResultNotKept",
    "Retry",
    "RetryPolicy",
    "ReturnCode",
    "ServerError",
    "SettingsError",
    "StreamTask",
    "Task",
    "TaskJob",
    "Unique",
    "UnknownOption",
    "Warning",
    "Worker",
    "WorkerJob",
    "__version__",
]

MODULES: Final = {
    "aio.admin": "AsyncAdmin",
    "aio.client": "AsyncClient",
    "aio.job": "AsyncJob",
    "aio.worker": "AsyncWorker",
    "aio.worker_job": "AsyncWorkerJob",
    "jobs": "JobHandle JobStatus WorkerJob",
    "protocol.events": "Complete Created Data Event JobState Progress Warning",
    "protocol.history": "JobHistory",
    "protocol.submission": "Payload Priority Unique",
    "sync.admin": "Admin",
    "sync.client": "Client",
    "sync.job": "Job",
    "sync.worker": "Worker",
    "tasks.app": "App",
    "tasks.results": "AsyncTaskJob Queued TaskJob",
    "tasks.retry": "RetryPolicy",
    "tasks.task": "AsyncStreamTask AsyncTask StreamTask Task",
    "tls": "TLS",
}
"""By module: the public names that are from there. Type checkers read the imports above."""

PLACES: Final = {name: module for module, names in MODULES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
