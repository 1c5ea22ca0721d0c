"""Tasks: the same function called here, and elsewhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest

from geartrain import (
    App,
    AsyncWorkerJob,
    Fail,
    JobException,
    JobFailed,
    JobTimeout,
    PayloadError,
    Priority,
    Retry,
    RetryPolicy,
    SettingsError,
    Worker,
    WorkerJob,
)
from geartrain.protocol.assignment import next_unique
from geartrain.tasks.local import LocalJob
from geartrain.testing import MemoryPool, bind
from tests.support.machine import HOST, require
from tests.support.processes import Program, ServerProgram

app = App("127.0.0.1:1")  # nobody listens there: every call of these tests is served in memory
ran: list[str] = []  # what tasks note of themselves


@app.task
def add(a: int, b: int = 2) -> int:
    return a + b


@app.task
async def shout(text: str) -> str:
    await asyncio.sleep(0)
    return text.upper()


@app.task(bind=True, unique="thumb:{key}", name="make-thumbnail")
def thumbnail(job: WorkerJob, key: str) -> str:
    job.send_status(1, 2)
    ran.append(job.unique)
    return f"small {key}"


@app.task(bind=True)
async def measure(job: AsyncWorkerJob, text: str) -> int:
    await job.send_status(2, 2)
    return len(text)


@app.task(bind=True, retry=RetryPolicy(3, backoff=8.0, jitter=0.0, on=(OSError,)), unique="flaky")
def flaky(job: WorkerJob, works_at: int) -> int:
    ran.append(f"{job.unique} {job.attempt}")
    if job.attempt < works_at:
        raise OSError(f"attempt {job.attempt}")
    return job.attempt


@app.task
def patient(seconds: float) -> str:
    ran.append("tried")
    if len(ran) < 3:
        raise Retry(delay=seconds)
    return "at last"


@app.task
def refuse(how: str) -> str:
    raise Fail("no") if how == "fail" else LookupError("no such thing")


@app.task
def confused() -> int:
    return {1, 2}  # type: ignore[return-value]


@app.stream()
def count(to: int) -> Iterator[int]:
    yield from range(to)
    if to > 2:
        raise OverflowError("too far")


@app.stream(bind=True, name="spell")
async def letters(job: AsyncWorkerJob, word: str) -> AsyncIterator[str]:
    for letter in word:
        await asyncio.sleep(0)
        yield letter


@pytest.fixture
def pool() -> Iterator[MemoryPool]:
    ran.clear()
    with bind(app) as pool:
        yield pool


def test_a_plain_call_runs_here() -> None:
    assert add(1) == 3
    assert asyncio.run(shout("a")) == "A"
    assert list(count(2)) == [0, 1]
    assert (add.__name__, add.name, thumbnail.name) == ("add", "add", "make-thumbnail")


def test_a_plain_call_gives_a_bound_task_a_stand_in_for_its_job() -> None:
    assert thumbnail("a") == "small a"
    assert asyncio.run(measure("four")) == 4
    job = LocalJob()
    assert thumbnail.definition.function(job, "b") == "small b"
    assert job.statuses == [(1, 2)]


def test_call_runs_elsewhere_and_gives_the_result_its_type(pool: MemoryPool) -> None:
    assert add.call(1, b=5) == 6
    assert shout.call("a") == "A"
    assert measure.call("four") == 4
    assert asyncio.run(add.acall(40)) == 42


def test_submit_gives_a_job_to_wait_for(pool: MemoryPool) -> None:
    job = thumbnail.submit("a")
    assert job.handle.startswith("H:memory-0:")
    assert job.result() == "small a"
    assert job.progress == (1, 2)


def test_streams_give_their_items_as_they_come(pool: MemoryPool) -> None:
    assert list(letters.stream("abc")) == ["a", "b", "c"]
    items = count.stream(3)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(JobException, match=r"^OverflowError: too far$"):
        next(items)


def test_streams_on_a_loop(pool: MemoryPool) -> None:
    async def spelled() -> list[str]:
        return [letter async for letter in letters.astream("abc")]

    assert asyncio.run(spelled()) == ["a", "b", "c"]


def test_equal_calls_of_a_task_with_a_unique_are_one_job(pool: MemoryPool) -> None:
    first, again, other = thumbnail.enqueue("a"), thumbnail.enqueue("a"), thumbnail.enqueue("b")
    assert first.handle == again.handle != other.handle
    assert pool.work(app) == 2
    assert ran == ["thumb:a", "thumb:b"]


def test_options_are_for_the_calls_that_follow_and_add_up(pool: MemoryPool) -> None:
    thumbnail.enqueue("normal")
    urgent = thumbnail.options(priority=Priority.HIGH)
    urgent.options(unique="mine").enqueue("first")
    urgent.enqueue("second")
    pool.work(app)
    assert ran == ["mine", "thumb:second", "thumb:normal"]


def test_a_delay_is_for_background_jobs(pool: MemoryPool) -> None:
    with pytest.raises(SettingsError, match="add: at and delay are for enqueue"):
        add.options(delay=5).call(1)


def test_exceptions_reach_the_caller_as_type_and_message(pool: MemoryPool) -> None:
    with pytest.raises(JobException, match=r"^LookupError: no such thing$"):
        refuse.call("raise")
    with pytest.raises(JobFailed, match="failed"):
        refuse.call("fail")


def test_a_bad_payload_is_explained_to_whoever_sent_it(pool: MemoryPool) -> None:
    with pytest.raises(JobException, match=r'^PayloadError: add: expected the workload {"args"'):
        pool.client().do("add", b"12")
    with pytest.raises(JobException, match=r'^PayloadError: flaky: expected the workload {"args"'):
        pool.client().do("flaky", b"3")  # no retry: it would be the same workload
    with pytest.raises(
        JobException, match=r"^PayloadError: confused returned \{1, 2\}, which cannot be sent"
    ):
        confused.call()


def test_a_result_of_another_program_that_is_no_json_is_refused(pool: MemoryPool) -> None:
    caller, peer = App("127.0.0.1:1"), App("127.0.0.1:1")

    @caller.task(name="page")
    def page_of(number: int) -> dict[str, str]:
        raise NotImplementedError  # the peer does it

    @peer.task(name="page", raw=True)
    def html(request: bytes) -> bytes:
        return b"<html>"

    with pool.bind(peer):
        caller.binding.pool = pool
        with pytest.raises(PayloadError, match=r"^page: cannot read the result b'<html>'"):
            page_of.call(1)


def test_a_waiting_caller_goes_through_every_attempt(pool: MemoryPool) -> None:
    assert flaky.call(3) == 3
    assert ran == ["flaky 1", "flaky 2", "flaky 3"]
    assert pool.passed == 8 + 16
    with pytest.raises(JobException, match=r"^OSError: attempt 3$"):
        flaky.call(4)
    assert asyncio.run(flaky.acall(2)) == 2


def test_a_background_job_goes_through_every_attempt(pool: MemoryPool) -> None:
    queued = flaky.enqueue(3)
    assert pool.work(app) == 1
    assert pool.work(app) == 0
    pool.advance(8)
    assert pool.work(app) == 1
    assert queued.status().known
    pool.advance(16)
    assert pool.work(app) == 1
    assert ran == ["flaky 1", "flaky 2", "flaky 3"]
    assert not queued.status().known


def test_where_the_worker_has_no_extension_each_attempt_is_a_job_of_its_own(pool: MemoryPool) -> None:
    with Worker(["memory-0:4730"], grab="unique") as worker:
        worker.connections.network = pool.network
        app.add_to(worker)
        flaky.enqueue(3)
        assert worker.work()
        pool.advance(8)
        assert worker.work()
        assert ran == ["flaky 1", f"{next_unique(b'flaky', b'').decode()} 2"]
        ran.clear()
        job = patient.options(timeout=20).submit(30)
        assert worker.work()
        with pytest.raises(JobTimeout, match=r"patient: its next attempt would be in 30.0 s"):
            job.result()


def test_the_delay_of_raise_retry_reaches_a_waiting_caller(pool: MemoryPool) -> None:
    assert patient.call(30) == "at last"
    assert pool.passed == 60


def test_raise_retry_gives_up_with_its_policy(pool: MemoryPool) -> None:
    stubborn = App("127.0.0.1:1")

    @stubborn.task(retry=RetryPolicy(2))
    def never(text: str) -> str:
        raise Retry

    with (
        pool.bind(stubborn),
        pytest.raises(JobException, match=r"^JobFailed: never gave up after 2 attempts$"),
    ):
        never.call("x")


def test_nobody_waits_for_an_attempt_after_the_deadline(pool: MemoryPool) -> None:
    with pytest.raises(JobTimeout, match=r"of patient is not done in time: its time has not come yet"):
        patient.options(timeout=20).call(30)
    assert ran == ["tried"]


def test_the_app_works_over_sockets_in_any_worker(server: ServerProgram) -> None:
    with App(server.address) as real, Worker(server.address, max_jobs=1) as worker:

        @real.task
        def where(text: str) -> int:
            return os.getpid()

        job = where.submit("x")
        real.add_to(worker)
        worker.run()
        assert job.result() == os.getpid()


def test_a_program_that_knows_no_envelope_calls_tasks_of_text(server: ServerProgram) -> None:
    gearman = (require("gearman"), "-h", HOST, "-p", str(server.port))
    with Worker(server.address, max_jobs=2) as worker:
        app.add_to(worker)
        with Program(*gearman, "-f", "shout", "hello") as good, Program(*gearman, "-f", "add", "12") as bad:
            worker.run()
            assert good.wait() == 0
            assert good.output() == "HELLO"
            assert bad.wait() != 0


def test_a_task_may_be_served_by_a_program_that_knows_no_envelope(server: ServerProgram) -> None:
    with App(server.address) as foreign:

        @foreign.task
        def capitals(text: str) -> str:
            raise NotImplementedError  # the other program does it

        words = (require("gearman"), "-h", HOST, "-p", str(server.port), "-w", "-f", "capitals")
        with Program(*words, "--", "tr", "a-z", "A-Z"):
            assert capitals.call("grün") == "GRüN"


def test_a_task_that_cannot_work_is_refused_when_it_is_made() -> None:
    other = App("127.0.0.1:1")
    other.task(thumbnail.definition.function)
    with pytest.raises(SettingsError, match=r"^task thumbnail: the app has a task of this name already$"):
        other.task(thumbnail.definition.function)
    with pytest.raises(SettingsError, match=r"bind=True expects the job as the first parameter, got \(\)"):
        other.task(bind=True)(jobless)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"a stream cannot be tried again"):
        other.stream(retry=RetryPolicy(2))


def jobless() -> None:
    """No task."""
