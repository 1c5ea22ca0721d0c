"""Whatever a function raises is the end of its job, and never of its worker."""

from __future__ import annotations

import asyncio
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn, cast

import pytest

from geartrain import Fail, JobException, Retry, SettingsError, WorkerJob
from tests.contracts.shells import Shell
from tests.support.processes import ServerProgram, geartrain_server


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProgram]:
    """A server for all tests here."""
    with geartrain_server() as program:
        yield program


class Broken(Exception):
    """An error whose own text cannot be made."""

    def __str__(self) -> str:
        raise SystemExit("no text")


class Foundation(BaseException):
    """An error that is no Exception."""


class OtherRetry(Retry):
    """A Retry that has never heard of a delay."""

    def __init__(self) -> None:
        pass


def changed_retry() -> Retry:
    retry = Retry(1)
    retry.delay = float("inf")
    return retry


def raising(error: Callable[[], BaseException]) -> Callable[[], NoReturn]:
    def code() -> NoReturn:
        raise error()

    return code


POISON: dict[str, tuple[Callable[[], object], str]] = {
    "SystemExit": (raising(lambda: SystemExit(3)), "SystemExit: 3"),
    "KeyboardInterrupt": (raising(KeyboardInterrupt), "KeyboardInterrupt: "),
    "CancelledError": (raising(asyncio.CancelledError), "CancelledError: "),
    "GeneratorExit": (raising(GeneratorExit), "GeneratorExit: "),
    "StopIteration": (lambda: next(iter(())), "StopIteration"),
    "BaseException": (raising(lambda: Foundation("deep")), "Foundation: deep"),
    "broken text": (raising(Broken), r"Broken: \(its text raised SystemExit\)"),
    "inf": (
        lambda: raising(lambda: Retry(float("inf")))(),
        "SettingsError: Retry delay inf: expected at most",
    ),
    "nan": (
        lambda: raising(lambda: Retry(float("nan")))(),
        "SettingsError: Retry delay nan: expected at most",
    ),
    "changed": (raising(changed_retry), "SettingsError: Retry delay inf: expected at most"),
    "no delay": (raising(OtherRetry), "AttributeError"),
    "no bytes": (lambda: 5, "SettingsError: payload 5"),
}


@pytest.mark.parametrize("poison", POISON)
def test_a_worker_outlives_whatever_its_function_raises(
    shell: Shell, server: ServerProgram, poison: str, caplog: pytest.LogCaptureFixture
) -> None:
    code, told = POISON[poison]
    function = f"poison {poison}".replace(" ", "-")
    client, worker = shell.client(server.address), shell.worker(server.address)

    @worker.function(function)
    def poisoned(job: WorkerJob) -> bytes:
        return b"fine" if job.workload else cast(bytes, code())

    with shell.running(worker):
        job = client.submit(function)
        with pytest.raises(JobException, match=told):
            job.result(10)
        assert client.do(function, "fine", timeout=10) == b"fine"
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert line.startswith(f"job {job.handle} of {function} failed in attempt 1 after ")


def test_a_traceback_begins_with_the_functions_own_frame_and_comes_once(
    shell: Shell, server: ServerProgram, caplog: pytest.LogCaptureFixture
) -> None:
    client, worker = shell.client(server.address), shell.worker(server.address)

    @worker.function("traced")
    def traced(job: WorkerJob) -> None:
        inner()

    def inner() -> None:
        raise ValueError("why\nnot") from OSError("that is why")

    with shell.running(worker), pytest.raises(JobException):
        client.do("traced", timeout=10)
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.exc_info is not None
    assert [frame.name for frame in traceback.extract_tb(record.exc_info[2])] == ["traced", "inner"]
    assert record.getMessage().endswith(": ValueError: why not")
    assert caplog.text.count("Traceback (most recent call last)") == 1


def test_what_is_no_accident_has_a_line_without_a_traceback(
    shell: Shell, server: ServerProgram, caplog: pytest.LogCaptureFixture
) -> None:
    client, worker = shell.client(server.address), shell.worker(server.address)

    @worker.function("refused")
    def refused(job: WorkerJob) -> None:
        if job.attempt == 1:
            raise Retry(0.01)
        raise Fail("no such picture")

    with shell.running(worker):
        error = client.submit("refused").exception(10)
        assert error is not None
    handle = error.handle
    messages = [
        re.sub(r"after \d+\.\d s", "after N s", record.getMessage())
        for record in caplog.records
        if record.levelno >= logging.WARNING
    ]
    assert messages == [
        f"job {handle} of refused failed in attempt 1 after N s, retry in 0.0 s: Retry: retry in 0.01 s",
        f"job {handle} of refused failed in attempt 2 after N s: Fail: no such picture",
    ]
    assert "Traceback" not in caplog.text


def test_the_text_of_an_exception_has_an_end(
    shell: Shell, server: ServerProgram, caplog: pytest.LogCaptureFixture
) -> None:
    client, worker = shell.client(server.address), shell.worker(server.address)

    @worker.function("talkative")
    def talkative(job: WorkerJob) -> None:
        raise ValueError("x" * 1_000_000)

    with shell.running(worker), pytest.raises(JobException) as caught:
        client.do("talkative", timeout=10)
    assert len(caught.value.payload) < 70_000
    assert caught.value.payload.endswith("… (1000012 characters)".encode())
    assert len(caplog.text) < 50_000


def test_a_retry_waits_as_long_as_jobs_can() -> None:
    assert Retry(-1).delay == -1
    assert Retry(100 * 366 * 86400)
    for impossible in (float("inf"), float("nan"), 1e30):
        with pytest.raises(SettingsError, match="Retry delay"):
            Retry(impossible)
    assert Retry.told(b"Retry: retry in 1e+300 s") is not None
