"""Geartrain: a Gearman job system in Python."""

from geartrain.aio.admin import AsyncAdmin
from geartrain.aio.client import AsyncClient
from geartrain.aio.job import AsyncJob
from geartrain.aio.worker import AsyncWorker
from geartrain.aio.worker_job import AsyncWorkerJob
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
from geartrain.version import __version__

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
