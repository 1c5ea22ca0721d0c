"""``geartrain.testing``: what users' tests may rely on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from geartrain import (
    App,
    ConnectionLost,
    Fail,
    JobTimeout,
    NoServers,
    Reject,
    ResultNotKept,
    WorkerJob,
)
from geartrain.testing import MemoryPool, bind

app = App("127.0.0.1:1")  # nobody listens there


@app.task(unique="{key}")
def store(key: str) -> str:
    return key


@app.task
def store_twice(key: str) -> str:
    store.enqueue(key)
    return store.call(f"{key} again")


@app.task(bind=True)
async def slowly(job: object, key: str) -> str:
    await asyncio.sleep(0)
    return await store.acall(key)


@app.task
def reject_once(key: str, seen: list[str] = []) -> str:  # noqa: B006 - it is meant to last
    if key not in seen:
        seen.append(key)
        raise Reject
    return key


@pytest.fixture
def pool() -> Iterator[MemoryPool]:
    with bind(app, servers=1) as pool:
        yield pool


def test_work_runs_what_can_run_now_and_says_how_much_it_was(pool: MemoryPool) -> None:
    assert pool.work(app) == 0
    queued = [store.enqueue(key) for key in "abca"]
    assert queued[0].status() == (True, False, 0, 0)
    assert pool.work(app) == 3
    assert not queued[0].status().known
    assert pool.work(app) == 0


def test_time_passes_only_when_it_is_told_to(pool: MemoryPool) -> None:
    store.options(delay=60).enqueue("delayed")
    store.options(at=pool.now + timedelta(hours=1)).enqueue("dated")
    pool.advance(59)
    assert pool.work(app) == 0
    pool.advance(1)
    assert pool.work(app) == 1
    pool.advance(3600)
    assert pool.work(app) == 1


def test_a_waiting_call_has_bound_apps_work_meanwhile_also_in_tasks(pool: MemoryPool) -> None:
    assert store_twice.call("a") == "a again"
    assert slowly.call("b") == "b"
    assert pool.passed == 0


def test_calls_in_a_loop_work_the_same(pool: MemoryPool) -> None:
    async def calls() -> list[str]:
        queued = await store.aenqueue("queued")
        assert await queued.astatus() == (True, False, 0, 0)
        return list(await asyncio.gather(store.acall("a"), slowly.acall("b"), store_twice.acall("c")))

    assert asyncio.run(calls()) == ["a", "b", "c again"]


def test_a_rejected_job_is_queued_again(pool: MemoryPool) -> None:
    assert reject_once.call("a") == "a"


def test_a_wait_that_nothing_can_end_ends_at_once(pool: MemoryPool) -> None:
    with pytest.raises(JobTimeout, match="of nobody is not done"):
        pool.client().do("nobody", b"x")
    with pytest.raises(JobTimeout, match="of nobody is not done"):
        pool.client().do("nobody", b"x", timeout=1000)
    assert pool.passed == pytest.approx(1000, abs=1)


def test_the_app_talks_to_its_own_servers_again_after_the_block() -> None:
    with bind(app):
        pass
    with pytest.raises(NoServers, match=r"127\.0\.0\.1:1"):
        store.call("x")


def test_a_client_goes_to_the_next_server_while_one_is_stopped() -> None:
    with MemoryPool(servers=2) as pool:
        client = pool.client()
        uniques = [str(number) for number in range(20)]
        before = [client.do_background("f", b"", unique=unique) for unique in uniques]
        assert {handle.server for handle in before} == {"memory-0:4730", "memory-1:4730"}
        pool.stop(0)
        during = [client.do_background("f", b"", unique=unique) for unique in uniques]
        assert {handle.server for handle in during} == {"memory-1:4730"}
        assert not client.job_status("H:memory-0:1").complete_view
        pool.start(0)
        assert [client.do_background("f", b"", unique=unique) for unique in uniques] == before
        pool.stop(0)
        pool.stop(1)
        with pytest.raises(NoServers, match="memory-0:4730: the server is stopped"):
            client.do_background("f", b"")


def test_a_stopped_server_breaks_off_foreground_jobs_and_keeps_background_jobs(pool: MemoryPool) -> None:
    store.enqueue("kept")
    job = pool.client().submit("store", b"lost")
    pool.stop(0)
    with pytest.raises(ConnectionLost, match="the server was stopped"):
        job.result()
    assert pool.work(app) == 0
    pool.start(0)
    assert pool.work(app) == 1


def test_a_worker_of_your_own_works_there_too(pool: MemoryPool) -> None:
    from geartrain import Worker

    handle = pool.client().do_background("count", b"123")
    with Worker(["memory-0:4730"]) as worker:
        worker.connections.network = pool.network

        @worker.function("count")
        def count(job: WorkerJob) -> str:
            assert pool.client().job_status(handle).running
            return str(len(job.workload))

        assert worker.work()
    assert not pool.client().job_status(handle).known


def test_a_result_that_is_waited_for_has_bound_apps_work_meanwhile(pool: MemoryPool) -> None:
    pool.set_policy("store", keep_result=60)
    assert store.enqueue("a").result() == "a"
    assert asyncio.run(awaited("b")) == "b"
    delayed = store.options(delay=3600).enqueue("c")
    with pytest.raises(JobTimeout, match="is not over in time"):
        delayed.result()
    assert pool.passed == 0
    pool.advance(3600)
    assert delayed.result() == "c"
    pool.advance(61)
    with pytest.raises(ResultNotKept):
        delayed.result()


async def awaited(key: str) -> str:
    return await (await store.aenqueue(key)).aresult()


def test_a_cancelled_job_does_not_run(pool: MemoryPool) -> None:
    queued = store.enqueue("a")
    assert queued.cancel()
    assert not asyncio.run(queued.acancel())
    assert pool.work(app) == 0


def test_a_running_task_sees_that_it_was_cancelled(pool: MemoryPool) -> None:
    stopping = App("127.0.0.1:1")
    ended: list[str] = []

    @stopping.task(bind=True)
    def stops(job: WorkerJob, text: str) -> str:
        assert not job.cancelled
        assert pool.client().cancel(job.handle)
        try:
            job.raise_if_cancelled()
        finally:
            ended.append(text)
        return text

    with pool.bind(stopping):
        stops.enqueue("x")
        assert pool.work(stopping) == 1
        assert pool.work(stopping) == 0
    assert ended == ["x"]


def test_a_policy_has_a_job_tried_again_for_whoever_waits(pool: MemoryPool) -> None:
    retry = {"attempts": 3, "on": ["fail"], "delay": 30, "foreground": True, "jitter": 0}
    pool.set_policy("picky", retry=retry)
    attempts: list[int] = []
    picky = App("127.0.0.1:1")

    @picky.task(bind=True, name="picky")
    def fails_at_first(job: WorkerJob, text: str) -> str:
        attempts.append(job.attempt)
        if job.attempt < 3:
            raise Fail
        return text

    with pool.bind(picky):
        assert fails_at_first.call("x") == "x"
    assert (attempts, pool.passed) == ([1, 2, 3], 60)


def test_pytest_finds_the_fixture(tmp_path: Path) -> None:
    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())
    (plugin,) = project["project"]["entry-points"]["pytest11"].values()
    (tmp_path / "test_it.py").write_text(
        "def test_it(gearman_pool):\n"
        "    assert gearman_pool.client().do_background('f', b'').startswith('H:memory-0:')\n"
    )
    # Where Geartrain is installed pytest finds the plugin by itself, and does not load it twice.
    installed = entry_points(group="pytest11", name="geartrain")
    named = () if installed else ("-p", plugin)
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *named, str(tmp_path))
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
