"""Jobs over HTTP: submitted, found, shown, ended."""

from __future__ import annotations

import base64
import time
from urllib.parse import quote

import pytest

from geartrain.protocol.commands import SUBMIT_JOB_BG, WORK_COMPLETE, WORK_FAIL
from tests.support.machine import wait_until
from tests.web.sites import Site, good_answer, problem

BYTES = bytes(range(256))


def test_a_submitted_job_is_a_job_like_any_other(everywhere: Site, function: str) -> None:
    answer = everywhere.asks("POST", "/jobs", {"function": function, "workload": "a cat", "unique": "u"})
    assert answer.status_code == 202
    handle = answer.json()["handle"]
    assert answer.headers["location"] == f"/api/v1/jobs/{quote(handle, safe='')}"
    shown = everywhere.http.get(f"{everywhere.url}{answer.headers['location']}").json()
    assert (shown["handle"], shown["function"], shown["unique"], shown["state"]) == (
        handle,
        function,
        "u",
        "queued",
    )
    assert everywhere.submits(function, unique="u") == handle
    worker = everywhere.connect()
    assert worker.grabs(function.encode()) == [handle.encode(), function.encode(), b"a cat"]
    worker.says(WORK_COMPLETE, handle.encode(), b"")
    wait_until(lambda: everywhere.asks("GET", f"/jobs/{handle}").status_code == 404, "the job is over")


@pytest.mark.parametrize("how", ["text", "base64", "octets"])
def test_a_workload_may_be_text_base64_or_the_body_itself(everywhere: Site, function: str, how: str) -> None:
    if how == "text":
        workload = "caf\u00e9 \u2615".encode()
        everywhere.submits(function, workload=workload.decode())
    elif how == "base64":
        workload = BYTES
        everywhere.submits(function, workload_base64=base64.b64encode(BYTES).decode())
    else:
        workload = BYTES * 8192  # more than JSON may have
        octets = {"Content-Type": "application/octet-stream"}
        parameters = {"function": function, "priority": "high"}
        good_answer(everywhere.http.post("/jobs", content=workload, headers=octets, params=parameters))
    assert everywhere.connect().grabs(function.encode())[2] == workload


def test_priority_and_time_decide_when_a_job_runs(everywhere: Site, function: str) -> None:
    low = everywhere.submits(function, priority="low")
    high = everywhere.submits(function, priority="high")
    soon = everywhere.submits(function, delay=3600)
    later = everywhere.submits(function, run_at=time.time() + 7200)
    rows = {row["handle"]: row for row in everywhere.gets("/jobs", function=function)["jobs"]}
    assert [rows[handle]["state"] for handle in (low, high, soon, later)] == [
        *("queued", "queued", "delayed", "delayed")
    ]
    assert 3500 < rows[soon]["run_at"] - time.time() < 3700
    worker = everywhere.connect()
    assert worker.grabs(function.encode())[0] == high.encode()


def test_what_is_said_of_a_job_beside_its_workload_is_kept(everywhere: Site, function: str) -> None:
    handle = everywhere.submits(function, metadata={"trace": "caf\u00e9"}, reducer="sum")
    shown = everywhere.gets(f"/jobs/{handle}")
    assert (shown["metadata"], shown["reducer"]) == ({"trace": "caf\u00e9"}, "sum")


def test_jobs_are_found_page_by_page(everywhere: Site, function: str) -> None:
    handles = {everywhere.submits(function, unique=f"u{number}") for number in range(5)}
    found: set[str] = set()
    cursor = None
    while True:
        page = everywhere.gets("/jobs", function=function, limit=2, **({"cursor": cursor} if cursor else {}))
        found |= {row["handle"] for row in page["jobs"]}
        cursor = page["next"]
        if cursor is None:
            break
    assert found == handles
    (one,) = everywhere.gets("/jobs", function=function, unique="u3", state="queued", priority="normal")[
        "jobs"
    ]
    assert one["unique"] == "u3"
    assert everywhere.gets("/jobs", function=function, older_than=3600)["jobs"] == []
    assert len(everywhere.gets("/jobs", function=function, younger_than=3600)["jobs"]) == 5


def test_a_cancelled_job_is_gone(everywhere: Site, function: str) -> None:
    handle = everywhere.submits(function)
    assert everywhere.does("DELETE", f"/jobs/{handle}") == {"handle": handle, "state": "cancelled"}
    told = problem(everywhere.asks("DELETE", f"/jobs/{handle}"), 404)
    assert (told["name"], told["value"]) == ("handle", handle)
    problem(everywhere.asks("GET", f"/jobs/{handle}"), 404)


def test_a_workload_is_shown_as_json_or_as_it_is(everywhere: Site, function: str) -> None:
    text = everywhere.submits(function, workload="caf\u00e9")
    octets = everywhere.submits(function, workload_base64=base64.b64encode(BYTES).decode())
    assert everywhere.gets(f"/jobs/{text}/workload")["workload"] == "caf\u00e9"
    shown = everywhere.gets(f"/jobs/{octets}/workload")
    assert base64.b64decode(shown["workload_base64"]) == BYTES
    raw = everywhere.http.get(f"/jobs/{octets}/workload", params={"raw": 1})
    assert raw.content == BYTES
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["content-disposition"] == "attachment"
    problem(everywhere.asks("GET", "/jobs/H:none:1/workload"), 404)


@pytest.mark.parametrize("result", [b"caf\xc3\xa9", BYTES, BYTES * 8000])
def test_a_kept_result_is_shown_as_json_or_as_it_is(everywhere: Site, function: str, result: bytes) -> None:
    everywhere.does("PATCH", f"/functions/{quote(function, safe='')}", {"policy": {"keep_result": 60}})
    handle = everywhere.submits(function)
    told = problem(everywhere.asks("GET", f"/jobs/{handle}/result"), 409)
    assert told["state"] == "queued"
    worker = everywhere.connect()
    worker.grabs(function.encode())
    worker.says(WORK_COMPLETE, handle.encode(), result)
    worker.knows_that_server_has_heard()
    wait_until(lambda: everywhere.gets(f"/jobs/{handle}")["state"] == "complete", "the result is kept")
    assert "result" not in everywhere.gets(f"/jobs/{handle}")
    shown = everywhere.gets(f"/jobs/{handle}/result")
    assert (shown["state"], shown["result_bytes"]) == ("complete", len(result))
    if "result" in shown:
        assert shown["result"].encode() == result
    else:
        assert base64.b64decode(shown["result_base64"]) == result
    assert everywhere.http.get(f"/jobs/{handle}/result?raw=1").content == result
    problem(everywhere.asks("GET", "/jobs/H:none:1/result"), 404)


def test_a_job_is_submitted_once_more(everywhere: Site, function: str) -> None:
    handle = everywhere.submits(function, workload="x", unique="u", priority="high", metadata={"a": "b"})
    again = everywhere.does("POST", f"/jobs/{handle}/resubmit")["handle"]
    assert again != handle
    shown = everywhere.gets(f"/jobs/{again}")
    assert (shown["priority"], shown["metadata"], shown["unique"]) == ("high", {"a": "b"}, "")
    assert everywhere.gets(f"/jobs/{again}/workload")["workload"] == "x"
    problem(everywhere.asks("POST", "/jobs/H:none:1/resubmit"), 404)


def test_what_carries_more_than_is_shown_is_not_submitted_once_more(everywhere: Site, function: str) -> None:
    handle = everywhere.submits(function, workload="x" * 70_000)
    problem(everywhere.asks("POST", f"/jobs/{handle}/resubmit"), 409)


def test_a_job_that_failed_for_good_is_shown_and_queued_again(everywhere: Site, function: str) -> None:
    everywhere.does("PATCH", f"/functions/{quote(function, safe='')}", {"policy": {"dead_letter": True}})
    handle = everywhere.submits(function)
    problem(everywhere.asks("POST", f"/jobs/{handle}/retry"), 404)
    worker = everywhere.connect()
    worker.grabs(function.encode())
    worker.says(WORK_FAIL, handle.encode())
    worker.knows_that_server_has_heard()
    wait_until(lambda: everywhere.gets(f"/jobs/{handle}")["state"] == "dead", "the job is a dead letter")
    assert everywhere.does("POST", f"/jobs/{handle}/retry") == {"handle": handle}
    assert everywhere.gets(f"/jobs/{handle}")["state"] == "queued"


def test_names_may_have_slashes(everywhere: Site) -> None:
    everywhere.submits("images/resize")
    assert everywhere.gets("/functions/images%2Fresize")["function"] == "images/resize"


def test_a_batch_is_submitted_and_each_job_has_its_answer(everywhere: Site, function: str) -> None:
    everywhere.does("PATCH", f"/functions/{quote(function, safe='')}", {"policy": {"max_queue": 120}})
    jobs = [{"function": function, "workload": str(number)} for number in range(130)]
    told = everywhere.does("POST", "/jobs/batch", {"jobs": [*jobs, {"function": f"{function}-more"}]})["jobs"]
    handles = [one["handle"] for one in told if "handle" in one]
    assert len(set(handles)) == len(handles) == 121
    assert {one["error"]["status"] for one in told if "error" in one} == {503}
    assert "handle" in told[-1]
    assert everywhere.gets(f"/jobs/{handles[7]}/workload")["workload"] == "7"


def test_a_batch_with_something_wrong_in_it_is_not_begun(everywhere: Site, function: str) -> None:
    jobs = [{"function": function}, {"function": function, "priority": "urgent"}]
    told = problem(everywhere.asks("POST", "/jobs/batch", {"jobs": jobs}), 400)
    assert (told["name"], told["value"], told["expected"]) == (
        "jobs[1].priority",
        "urgent",
        "one of high, normal, low",
    )
    assert everywhere.gets("/jobs", function=function)["jobs"] == []


def test_a_job_that_the_server_does_not_take_is_a_problem(everywhere: Site, function: str) -> None:
    worker = everywhere.connect()
    worker.submits(SUBMIT_JOB_BG, function.encode())
    everywhere.does("POST", f"/functions/{quote(function, safe='')}/drain")
    told = problem(everywhere.asks("POST", "/jobs", {"function": function}), 503)
    assert told["code"] == "QUEUE_ERROR"


def test_a_time_may_have_units_wherever_a_request_has_one(everywhere: Site, function: str) -> None:
    begun = time.time()
    handle = everywhere.submits(function, delay="1h30m")
    assert begun + 5400 <= everywhere.gets(f"/jobs/{handle}")["run_at"] <= time.time() + 5400
    problem(everywhere.asks("POST", "/jobs", {"function": function, "wait": "10ms"}), 504)
    for age, found in (("1d", 0), ("0s", 1)):
        assert (
            len(everywhere.gets("/jobs", function=function, state="delayed", older_than=age)["jobs"]) == found
        )
    policy = everywhere.does("PATCH", f"/functions/{quote(function, safe='')}", {"policy": {"timeout": "5m"}})
    assert policy["set"] == {"timeout": 300}
    purged = everywhere.does("POST", f"/functions/{quote(function, safe='')}/purge", {"older_than": "7d"})
    assert purged["cancelled"] == 0
    for wrong in ("5", "1x", "25h", "", "-1h"):
        told = problem(everywhere.asks("POST", "/jobs", {"function": function, "wait": wrong}), 400)
        assert (told["name"], told["value"]) == ("wait", wrong)
