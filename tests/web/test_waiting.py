"""Jobs over HTTP that somebody waits for."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from geartrain.protocol.commands import (
    CAN_DO,
    WORK_COMPLETE,
    WORK_DATA,
    WORK_EXCEPTION,
    WORK_FAIL,
    WORK_STATUS,
    WORK_WARNING,
)
from tests.interop.programs import PHP
from tests.support.machine import wait_until
from tests.support.processes import Program
from tests.web.sites import Site, problem, site

BYTES = bytes(range(256))


@pytest.fixture
def later() -> Iterator[ThreadPoolExecutor]:
    """Somebody who waits while the test goes on."""
    with ThreadPoolExecutor(8) as threads:
        yield threads


def waits(later: ThreadPoolExecutor, site: Site, **fields: object) -> Future[Any]:
    return later.submit(site.asks, "POST", "/jobs", {"wait": 15, **fields})


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([(WORK_COMPLETE, b"cat")], {"state": "complete", "result": "cat", "warnings": []}),
        (
            [(WORK_DATA, b"c"), (WORK_WARNING, b"slow"), (WORK_STATUS, b"1", b"2"), (WORK_COMPLETE, b"at")],
            {"state": "complete", "result": "cat", "warnings": [{"warning": "slow"}]},
        ),
        (
            [(WORK_COMPLETE, BYTES)],
            {"state": "complete", "result_base64": base64.b64encode(BYTES).decode(), "warnings": []},
        ),
        ([(WORK_FAIL,)], {"state": "failed", "result": "", "warnings": []}),
        ([(WORK_EXCEPTION, b"disk full")], {"state": "exception", "result": "disk full", "warnings": []}),
    ],
)
def test_who_waits_has_the_result_or_the_failure(
    everywhere: Site,
    function: str,
    later: ThreadPoolExecutor,
    said: list[tuple[Any, ...]],
    told: dict[str, Any],
) -> None:
    waiting = waits(later, everywhere, function=function, workload="x")
    worker = everywhere.connect()
    worker.says(CAN_DO, function.encode())
    handle = worker.waits_for_a_job()[0]
    for command, *arguments in said:
        worker.says(command, handle, *arguments)
    answer = waiting.result()
    assert answer.status_code == 200
    assert answer.json() == {"handle": handle.decode(), **told}


def test_who_does_not_want_to_wait_longer_leaves_the_job_to_nobody(everywhere: Site, function: str) -> None:
    told = problem(everywhere.asks("POST", "/jobs", {"function": function, "wait": 0.05}), 504)
    wait_until(
        lambda: everywhere.asks("GET", f"/jobs/{told['handle']}").status_code == 404, "the job is gone"
    )


@pytest.mark.parametrize("how", [{"background": True}, {"background": True, "unique": "u"}, {"delay": 3600}])
def test_a_job_in_the_background_stays_when_nobody_waits_any_more(
    everywhere: Site, function: str, how: dict[str, object]
) -> None:
    told = problem(everywhere.asks("POST", "/jobs", {"function": function, "wait": 0.05, **how}), 504)
    shown = everywhere.gets(f"/jobs/{told['handle']}")
    assert shown["background"]
    wait_until(lambda: everywhere.gets(f"/jobs/{told['handle']}")["waiting"] == 0, "nobody waits")


def test_who_waits_for_a_job_in_the_background_has_its_result(
    everywhere: Site, function: str, later: ThreadPoolExecutor
) -> None:
    waiting = waits(later, everywhere, function=function, background=True)
    worker = everywhere.connect()
    worker.says(CAN_DO, function.encode())
    handle = worker.waits_for_a_job()[0]
    worker.says(WORK_COMPLETE, handle, b"cat")
    assert waiting.result().json()["result"] == "cat"


def test_a_caller_that_hangs_up_is_a_client_that_left(everywhere: Site, function: str) -> None:
    body = {"function": function, "unique": "u"}
    with everywhere.listens("POST", "/jobs", body) as events:
        kind, told = next(events)
        assert kind == "created"
        handle = told["handle"]
        assert everywhere.gets(f"/jobs/{handle}")["waiting"] == 1
        (client,) = everywhere.gets(f"/jobs/{handle}")["clients"]
        assert client["id"] == "http"
    wait_until(lambda: everywhere.asks("GET", f"/jobs/{handle}").status_code == 404, "the job is gone")


def test_equal_jobs_are_one_and_all_who_wait_have_the_result(
    everywhere: Site, function: str, later: ThreadPoolExecutor
) -> None:
    waiting = [waits(later, everywhere, function=function, unique="u") for _ in range(5)]
    wait_until(lambda: most_waiting(everywhere, function) == 5, "five wait for one job")
    worker = everywhere.connect()
    handle = worker.grabs(function.encode())[0]
    worker.says(WORK_COMPLETE, handle, b"cat")
    assert {one.result().json()["result"] for one in waiting} == {"cat"}


def most_waiting(site: Site, function: str) -> int:
    return max((row["waiting"] for row in site.gets("/jobs", function=function)["jobs"]), default=0)


def test_everything_that_is_said_of_a_job_comes_as_events(everywhere: Site, function: str) -> None:
    with everywhere.listens("POST", "/jobs", {"function": function}) as events:
        handle = next(events)[1]["handle"]
        worker = everywhere.connect()
        worker.grabs(function.encode())
        worker.says(WORK_STATUS, handle.encode(), b"1", b"2")
        worker.says(WORK_DATA, handle.encode(), b"caf\xc3\xa9")
        worker.says(WORK_DATA, handle.encode(), b"\xff")
        worker.says(WORK_WARNING, handle.encode(), b"slow")
        worker.says(WORK_COMPLETE, handle.encode(), b"done")
        assert list(events) == [
            ("status", {"numerator": 1, "denominator": 2}),
            ("data", {"data": "caf\u00e9"}),
            ("data", {"data_base64": "/w=="}),
            ("warning", {"warning": "slow"}),
            ("complete", {"result": "done"}),
        ]


def test_a_large_result_comes_in_several_events(everywhere: Site, function: str) -> None:
    result = BYTES * 4096
    with everywhere.listens("POST", "/jobs", {"function": function}) as events:
        handle = next(events)[1]["handle"]
        worker = everywhere.connect()
        worker.grabs(function.encode())
        worker.says(WORK_COMPLETE, handle.encode(), result)
        *pieces, (kind, last) = events
        assert kind == "complete"
        assert {kind for kind, _ in pieces} == {"data"}
        parts = [piece["data_base64"] for _, piece in pieces] + [last["result_base64"]]
        assert b"".join(map(base64.b64decode, parts)) == result


@pytest.mark.parametrize(
    ("said", "last"),
    [
        ((WORK_FAIL, []), ("failed", {})),
        ((WORK_EXCEPTION, [b"disk full"]), ("exception", {"exception": "disk full"})),
    ],
)
def test_a_failure_is_the_last_event(
    everywhere: Site, function: str, said: tuple[int, list[bytes]], last: tuple[str, dict[str, Any]]
) -> None:
    with everywhere.listens("POST", "/jobs", {"function": function}) as events:
        handle = next(events)[1]["handle"]
        worker = everywhere.connect()
        worker.grabs(function.encode())
        worker.says(said[0], handle.encode(), *said[1])
        assert list(events) == [last]


def test_events_end_when_the_time_is_over(everywhere: Site, function: str) -> None:
    with everywhere.listens("POST", "/jobs", {"function": function, "wait": 0.1}) as events:
        assert [kind for kind, _ in events] == ["created", "timeout"]


def test_a_result_larger_than_may_wait_is_refused(function: str, later: ThreadPoolExecutor) -> None:

    with site("--max-output", "100000") as small:
        waiting = waits(later, small, function=function)
        worker = small.connect()
        worker.says(CAN_DO, function.encode())
        handle = worker.waits_for_a_job()[0]
        for _ in range(5):  # one by one: what comes all at once is too much already for who listens slowly
            worker.says(WORK_DATA, handle, b"x" * 30_000)
            worker.knows_that_server_has_heard()
        worker.says(WORK_COMPLETE, handle, b"")
        problem(waiting.result(), 413)


def test_a_worker_in_php_does_what_came_over_http(everywhere: Site, function: str) -> None:
    PHP.check()
    with Program(*PHP.script("worker"), str(everywhere.server.port), function) as worker:
        worker.wait_for_output("ready")
        body = {"function": f"{function}-reverse", "workload": "stressed", "wait": 15}
        assert everywhere.does("POST", "/jobs", body)["result"] == "desserts"
        told = everywhere.does("POST", "/jobs", {"function": f"{function}-exception", "wait": 15})
        assert (told["state"], told["result"]) == ("exception", "the disk is full")
        with everywhere.listens("POST", "/jobs", {"function": f"{function}-events"}) as events:
            kinds = [kind for kind, _ in events]
    assert [kind for kind in kinds if kind != "status"] == ["created", "data", "warning", "complete"]


def test_many_wait_at_once(everywhere: Site, function: str) -> None:
    worker = everywhere.connect()
    worker.says(CAN_DO, function.encode())

    def work() -> None:
        for _ in range(40):
            handle, _, workload = worker.waits_for_a_job()
            worker.says(WORK_COMPLETE, handle, workload[::-1])

    working = threading.Thread(target=work)
    working.start()
    with ThreadPoolExecutor(8) as threads:
        bodies = [{"function": function, "workload": f"x{number}", "wait": 15} for number in range(40)]
        results = list(threads.map(lambda body: everywhere.does("POST", "/jobs", body)["result"], bodies))
    working.join()
    assert results == [f"x{number}"[::-1] for number in range(40)]
