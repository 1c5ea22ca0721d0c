"""Traces: with OpenTelemetry set up, a job's submit, its time in the queue and its runs are one trace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from geartrain import (
    App,
    Client,
    ExtensionMissing,
    JobException,
    NoServers,
    Retry,
    RetryPolicy,
    SettingsError,
    Worker,
    WorkerJob,
)
from tests.contracts.shells import Shell
from tests.support.machine import DEADLINE, HOST, free_port, wait_until
from tests.support.processes import ServerProgram, gearmand

PROVIDER = "opentelemetry.trace._TRACER_PROVIDER"  # which a program can set but once


class Spans:
    """What was traced so far."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def waits_for(self, name: str, number: int = 1) -> list[ReadableSpan]:
        """The spans of a name, once there are so many."""
        wait_until(lambda: len(self.named(name)) >= number, f"{name} is traced")
        return self.named(name)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spans]:
    """A tracer provider, for the time of a test."""
    traced = Spans()
    monkeypatch.setattr(PROVIDER, traced.provider)
    yield traced
    traced.provider.shutdown()


def follows(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether a span is a child of another one, in the same trace."""
    return (
        span.parent is not None
        and span.parent.span_id == parent.context.span_id
        and span.context.trace_id == parent.context.trace_id
    )


def reverse(job: WorkerJob) -> bytes:
    return job.workload[::-1]


@pytest.mark.parametrize("way", ["background", "foreground"])
def test_submit_queue_and_run_are_one_trace(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans, way: str
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    worker.add_function(function, reverse)
    with shell.running(worker):
        if way == "background":
            handle = str(client.do_background(function, "abc", unique="u"))
        else:
            assert client.do(function, "abc", unique="u") == b"cba"
        (run,) = spans.waits_for(f"process {function}")
    (submit,), (queue,) = spans.named(f"submit {function}"), spans.named(f"queue {function}")
    assert follows(queue, submit)
    assert follows(run, submit)
    assert [span.kind for span in (submit, queue, run)] == [
        SpanKind.PRODUCER,
        SpanKind.INTERNAL,
        SpanKind.CONSUMER,
    ]
    assert queue.end_time == run.start_time
    assert queue.start_time is not None
    assert submit.start_time is not None
    assert abs(queue.start_time - submit.start_time) < DEADLINE * 1e9
    assert submit.attributes is not None
    assert run.attributes is not None
    assert run.attributes["messaging.gearman.attempt"] == 1
    for name, value in {
        "messaging.system": "gearman",
        "messaging.destination.name": function,
        "messaging.gearman.unique": "u",
        "messaging.message.body.size": 3,
    }.items():
        assert (name, submit.attributes[name], run.attributes[name]) == (name, value, value)
    assert submit.attributes["messaging.message.id"] == run.attributes["messaging.message.id"]
    if way == "background":
        assert run.attributes["messaging.message.id"] == handle
    assert submit.status.status_code is run.status.status_code is StatusCode.UNSET


def test_every_job_of_a_batch_has_its_trace(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    worker.add_function(function, reverse)
    with shell.running(worker):
        client.submit_many(function, ["a", "b", "c"])
        assert list(client.map(function, ["d", "e"])) == [b"d", b"e"]
        runs = spans.waits_for(f"process {function}", 5)
    submits = {span.context.trace_id: span for span in spans.named(f"submit {function}")}
    assert len(submits) == 5
    assert all(follows(run, submits[run.context.trace_id]) for run in runs)


def test_each_attempt_of_a_job_is_a_run_in_its_trace(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)

    @worker.function(function)
    def at_last(job: WorkerJob) -> bytes:
        if job.attempt < 3:
            raise Retry from OSError("not yet")
        return b"done"

    with shell.running(worker):
        assert client.do(function) == b"done"
        runs = spans.waits_for(f"process {function}", 3)
    (submit,), (queue,) = spans.named(f"submit {function}"), spans.named(f"queue {function}")
    assert all(follows(span, submit) for span in (queue, *runs))
    assert [run.attributes["messaging.gearman.attempt"] for run in runs if run.attributes] == [1, 2, 3]
    assert [[event.name for event in run.events] for run in runs] == [["retry"], ["retry"], []]
    assert all(run.status.status_code is StatusCode.UNSET for run in runs)


def test_what_a_function_raises_is_in_the_span_of_its_run(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)

    @worker.function(function)
    def breaks(job: WorkerJob) -> None:
        raise LookupError("no such key")

    with shell.running(worker):
        with pytest.raises(JobException):
            client.do(function)
        (run,) = spans.waits_for(f"process {function}")
    assert (run.status.status_code, run.status.description) == (StatusCode.ERROR, "no such key")
    assert run.attributes is not None
    assert run.attributes["error.type"] == "LookupError"
    assert [event.name for event in run.events] == ["exception"]


def test_what_a_function_traces_and_submits_is_below_its_run(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)

    @worker.function(function)
    def passes_on(job: WorkerJob) -> None:
        with trace.get_tracer("test").start_as_current_span(f"inner {function}"):
            pass
        with Client(our_server.address) as inner:
            inner.do_background(f"{function}-next")

    with shell.running(worker):
        client.do_background(function)
        (run,) = spans.waits_for(f"process {function}")
    (inner,), (submit,) = spans.named(f"inner {function}"), spans.named(f"submit {function}-next")
    assert follows(inner, run)
    assert follows(submit, run)


def test_metadata_of_the_programs_own_stay_as_they_are(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans
) -> None:
    client, worker = shell.client(our_server.address), shell.worker(our_server.address)
    heard: list[dict[str, str]] = []

    @worker.function(function)
    def listens(job: WorkerJob) -> None:
        heard.append(job.metadata)

    long = {"note": "x" * 4070}
    with shell.running(worker):
        client.do(function, metadata={"tenant": "blue"})
        client.do(function, metadata=long)
    assert heard[0]["tenant"] == "blue"
    assert set(heard[0]) == {"tenant", "traceparent"}
    assert heard[1] == long  # there is no room for more


def test_a_job_that_nobody_traced_is_a_trace_of_its_own_at_the_worker(
    shell: Shell, our_server: ServerProgram, function: str, spans: Spans
) -> None:
    our_server.ask("version")
    worker = shell.worker(our_server.address)
    worker.add_function(function, reverse)
    untraced = "import sys; from geartrain import Client; Client(sys.argv[1]).do_background(sys.argv[2])"
    subprocess.run(
        [sys.executable, "-c", untraced, our_server.address, function], check=True, timeout=DEADLINE
    )
    with shell.running(worker):
        (run,) = spans.waits_for(f"process {function}")
    assert run.parent is None
    assert spans.named(f"queue {function}") == []


def test_with_a_gearmand_submit_and_run_are_traced_apart_and_nothing_else_changes(
    shell: Shell, function: str, spans: Spans
) -> None:
    with gearmand() as server:
        client, worker = shell.client(server.address), shell.worker(server.address)
        worker.add_function(function, reverse)
        with shell.running(worker):
            assert client.do(function, "abc") == b"cba"
            with pytest.raises(ExtensionMissing):
                client.do(function, metadata={"tenant": "blue"})
            (run,) = spans.waits_for(f"process {function}")
    submit, refused = spans.waits_for(f"submit {function}", 2)
    assert submit.context.trace_id != run.context.trace_id
    assert submit.status.status_code is StatusCode.UNSET
    assert refused.status.status_code is StatusCode.ERROR


def test_a_submit_that_no_server_takes_is_an_error(shell: Shell, function: str, spans: Spans) -> None:
    client = shell.client(f"{HOST}:{free_port()}")
    with pytest.raises(NoServers):
        client.do_background(function)
    with pytest.raises(SettingsError):
        client.do_background(function, unique="\0")
    for span, error in zip(
        spans.waits_for(f"submit {function}", 2), ("NoServers", "SettingsError"), strict=True
    ):
        assert span.status.status_code is StatusCode.ERROR
        assert span.attributes is not None
        assert span.attributes["error.type"] == error


def test_the_tasks_of_an_app_are_traced_with_their_retries(our_server: ServerProgram, spans: Spans) -> None:
    app = App(our_server.address)
    tried: list[int] = []

    @app.task(name="traced-task", retry=RetryPolicy(2, backoff=0.01, on=(OSError,)))
    def flaky() -> int:
        tried.append(1)
        if len(tried) == 1:
            raise OSError("once")
        return 7

    worker = Worker(our_server.address, max_jobs=2)
    app.add_to(worker)
    queued = flaky.enqueue()
    worker.run()
    app.close()
    assert queued.handle
    (submit,) = spans.named("submit traced-task")
    runs = spans.named("process traced-task")
    assert len(runs) == 2
    assert all(follows(run, submit) for run in runs)


def test_a_program_that_does_not_trace_does_not_even_import_it(our_server: ServerProgram) -> None:
    program = (
        "import sys; from geartrain import Client, Worker\n"
        "client, worker = Client(sys.argv[1]), Worker(sys.argv[1])\n"
        "worker.add_function('untraced', lambda job: job.workload)\n"
        "client.do_background('untraced'); worker.work(); client.close()\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, our_server.address], check=True, timeout=DEADLINE, env=os.environ
    )
