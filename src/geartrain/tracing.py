"""Spans of OpenTelemetry: a job from its submit over its time in the queue to its run is one trace.

They are made where the program has set up a tracer provider; elsewhere nothing is imported, and nothing costs anything.
The trace goes with the job as W3C's trace context, among its metadata.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from geartrain.errors import ConnectionLost, GearmanError, JobCancelled, Reject, Retry, described
from geartrain.protocol.assignment import Assignment, attempt, metadata, told
from geartrain.protocol.moving import is_stopping
from geartrain.protocol.submission import METADATA_LIMIT, Due, Payload, Priority, Unique, name, payload
from geartrain.protocol.task import Task, TaskFactory
from geartrain.version import __version__

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

P = ParamSpec("P")
R = TypeVar("R")

API: Final = "opentelemetry.trace"
NOTHING: Final = nullcontext()
NANOSECONDS: Final = 1_000_000_000

Attributes = dict[str, str | int]


class Tracers:
    """The tracer of the provider that was asked for last."""

    def __init__(self) -> None:
        self.provider: TracerProvider | None = None
        self.tracer: Tracer | None = None

    def active(self) -> Tracer | None:
        """The program's tracer; None where it has set up none."""
        # A program that has set up a provider has imported this: whoever has not shall not wait for it.
        api = sys.modules.get(API)
        if api is None:
            return None
        provider: TracerProvider = api.get_tracer_provider()
        if provider is not self.provider:
            silent = isinstance(provider, (api.ProxyTracerProvider, api.NoOpTracerProvider))
            self.provider = provider
            self.tracer = None if silent else provider.get_tracer("geartrain", __version__)
        return self.tracer


TRACERS: Final = Tracers()


def attributes_of(function: bytes, operation: str, kind: str, unique: bytes, workload: bytes) -> Attributes:
    """What a span says of a job, by the names of OpenTelemetry's conventions for messages."""
    attributes: Attributes = {
        "messaging.system": "gearman",
        "messaging.destination.name": function.decode("utf-8", "replace"),
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.message.body.size": len(workload),
    }
    if unique:
        attributes["messaging.gearman.unique"] = unique.decode("utf-8", "replace")
    return attributes


# The client


class TracedFactory:
    """Makes tasks as TaskFactory does; where the program traces, each has a span, and its job the span's context."""

    def __init__(self, factory: TaskFactory) -> None:
        self.factory = factory

    def task(
        self,
        function: str | bytes,
        workload: Payload,
        unique: str | bytes | Unique | None,
        priority: int,
        background: bool,
        due: Due | None,
        metadata: Mapping[str, str] | None = None,
    ) -> Task:
        """A task that is not submitted yet; raises SettingsError."""
        tracer = TRACERS.active()
        make = partial(self.factory.task, function, workload, unique, priority, background, due, metadata)
        if tracer is None:
            return make()
        function_name = self.factory.prefix + name(function, "function")
        attributes = attributes_of(function_name, "submit", "send", b"", payload(workload))
        attributes["messaging.gearman.priority"] = Priority(priority).name.lower()
        span = start_producer(tracer, function_name, attributes)
        try:
            task = make(carrier_of(span, metadata or {}))
        except GearmanError as error:
            fail(span, error)
            span.end()
            raise
        span.set_attribute("messaging.gearman.unique", task.unique.decode("utf-8", "replace"))
        task.watch = Submit(span).look
        return task


class Submit:
    """The span of a submit: it ends when a server has the job, or none takes it."""

    def __init__(self, span: Span) -> None:
        self.span: Span | None = span  # None when it has ended
        self.failed = False  # a server did not take the job

    def look(self, task: Task, error: Exception | None) -> None:
        """A server has the job, or there is an error in its place."""
        span = self.span
        if span is None:
            return None
        if error is None:
            self.acknowledged(span, task.handle)
            return self.end()
        self.failed = True
        fail(span, error)
        if not isinstance(error, ConnectionLost) and not is_stopping(
            error
        ):  # then another server may take it
            self.end()

    def acknowledged(self, span: Span, handle: bytes) -> None:
        from opentelemetry.trace import Status, StatusCode

        span.set_attribute("messaging.message.id", handle.decode("utf-8", "replace"))
        if self.failed:
            span.set_status(Status(StatusCode.OK))

    def end(self) -> None:
        if self.span is not None:
            self.span.end()
            self.span = None

    def __del__(self) -> None:
        """No other server took it: the client has no use for the task any more."""
        self.end()


def start_producer(tracer: Tracer, function: bytes, attributes: Attributes) -> Span:
    from opentelemetry.trace import SpanKind

    title = f"submit {function.decode('utf-8', 'replace')}"
    return tracer.start_span(title, kind=SpanKind.PRODUCER, attributes=attributes)


def carrier_of(span: Span, metadata: Mapping[str, str]) -> dict[str, str]:
    """What tells a worker of the span; nothing where the job's own metadata leave no room for it."""
    from opentelemetry.trace import set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier, set_span_in_context(span))
    whole = json.dumps({**carrier, **metadata})
    return carrier if len(whole) <= METADATA_LIMIT else {}


# The worker


def running(assignment: Assignment) -> AbstractContextManager[None]:
    """The span of a job's run, for the time of the block; what the block raises is told of."""
    tracer = TRACERS.active()
    return NOTHING if tracer is None else run_spans(tracer, assignment)


def carried(code: Callable[P, R]) -> Callable[P, R]:
    """The code, to be called in another thread, as part of this one's trace."""
    return code if TRACERS.active() is None else partial(copy_context().run, code)


@contextmanager
def run_spans(tracer: Tracer, assignment: Assignment) -> Iterator[None]:
    """The spans of a job at its worker: its time in the queue, if this is its first run, and the run."""
    from opentelemetry.trace import SpanKind

    begin = time.time_ns()
    parent = parent_of(assignment)
    function = assignment.function.decode("utf-8", "replace")
    attributes = attributes_of(
        assignment.function, "process", "process", assignment.unique, assignment.workload
    )
    attributes["messaging.message.id"] = assignment.handle.decode("utf-8", "replace")
    attributes["messaging.gearman.attempt"] = attempt(assignment)
    if parent is not None and attributes["messaging.gearman.attempt"] == 1:
        submitted = told(assignment).get("submitted_at")
        # The server's clock may be ahead of ours.
        start = min(int(submitted * NANOSECONDS), begin) if isinstance(submitted, (int, float)) else begin
        waited = {**attributes, "messaging.operation.name": "queue", "messaging.operation.type": "receive"}
        tracer.start_span(f"queue {function}", parent, attributes=waited, start_time=start).end(begin)
    with tracer.start_as_current_span(
        f"process {function}",
        parent,
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        start_time=begin,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except BaseException as error:
            tell_of(span, assignment, error)
            raise


def parent_of(assignment: Assignment) -> Context | None:
    """The context of the job's submit; None where nobody has traced that."""
    from opentelemetry.trace import get_current_span
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract(metadata(assignment))
    return context if get_current_span(context).get_span_context().is_remote else None


def tell_of(span: Span, assignment: Assignment, error: BaseException) -> None:
    """What a run raised: Retry and Reject, and the end of a job that was cancelled, are no errors."""
    if isinstance(error, Retry):
        span.add_event("retry", {"delay": max(0.0, error.delay), "reason": retry_reason(error)})
    elif isinstance(error, Reject):
        span.add_event("reject")
    elif isinstance(error, JobCancelled) and assignment.cancelled:
        span.add_event("cancelled", {"reason": assignment.cancelled})
    else:
        fail(span, error)


def retry_reason(retry: Retry) -> str:
    """What a Retry was raised from, in its own words."""
    cause = retry.__cause__ or retry
    return described(cause).partition(": ")[2]


def fail(span: Span, error: BaseException) -> None:
    """Note an error; where its own text cannot be made, OpenTelemetry is not asked to make it."""
    from opentelemetry.trace import Status, StatusCode

    span.set_attribute("error.type", type(error).__qualname__)
    try:
        message = str(error)
    except BaseException:  # it is the function's code that makes the text: it may raise anything
        message = described(error)
        error = RuntimeError(message)
    span.record_exception(error)
    span.set_status(Status(StatusCode.ERROR, message))
