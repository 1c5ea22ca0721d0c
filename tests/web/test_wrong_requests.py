"""Requests with something wrong in them: each is a problem that names it, and the server goes on."""

from __future__ import annotations

import json
import socket

import httpx
import pytest

from tests.support.machine import DEADLINE, HOST, wait_until
from tests.web.sites import API, Site, problem, site

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body", "name", "value", "expected"),
    [
        ("POST", "/jobs", {}, "function", None, "a text from 1 to 512 characters"),
        ("POST", "/jobs", [], "body", "[]", "an object"),
        ("POST", "/jobs", {"function": ""}, "function", "", "a text from 1 to 512 characters"),
        ("POST", "/jobs", {"function": "a\0b"}, "function", "a\0b", "that matches ^[^\\x00]*$"),
        ("POST", "/jobs", {"function": 5}, "function", 5, "a text"),
        ("POST", "/jobs", {"function": "f", "uniqe": "u"}, "uniqe", "u", "no other members than function"),
        (
            "POST",
            "/jobs",
            {"function": "f", "priority": "urgent"},
            "priority",
            "urgent",
            "one of high, normal",
        ),
        ("POST", "/jobs", {"function": "f", "delay": -1}, "delay", -1, "a number from 0"),
        ("POST", "/jobs", {"function": "f", "delay": True}, "delay", True, "a number from 0"),
        (
            "POST",
            "/jobs",
            {"function": "f", "workload": "", "workload_base64": ""},
            "workload_base64",
            "",
            "left out",
        ),
        ("POST", "/jobs", {"function": "f", "workload_base64": "?"}, "workload_base64", "?", "base64"),
        (
            "POST",
            "/jobs",
            {"function": "f", "workload_base64": "\u00e9"},
            "workload_base64",
            "\u00e9",
            "base64",
        ),
        ("POST", "/jobs", {"function": "f", "wait": 1e9}, "wait", 1e9, "a number from 0 to 86400"),
        ("POST", "/jobs", {"function": "f", "background": False}, "background", False, "one of True"),
        ("POST", "/jobs", {"function": "f", "metadata": {"a": 1}}, "metadata.a", 1, "a text"),
        (
            "POST",
            "/jobs",
            {"function": "f", "metadata": {"a": "x" * 5000}},
            "metadata",
            None,
            "at most 4096 bytes",
        ),
        ("POST", "/jobs/batch", {"jobs": []}, "jobs", "[]", "a list from 1 to 1000 items"),
        (
            "POST",
            "/jobs/batch",
            {"jobs": [{"function": "f", "wait": 1}]},
            "jobs[0].wait",
            1,
            "no other members",
        ),
        ("GET", "/jobs?limit=0", None, "limit", 0, "a whole number from 1 to 1000"),
        ("GET", "/jobs?limit=ten", None, "limit", "ten", "a whole number from 1 to 1000"),
        ("GET", "/jobs?limit=1&limit=2", None, "limit", "2", "to be given once"),
        ("GET", "/jobs?older_than=nan", None, "older_than", None, "a number from 0"),
        ("GET", "/jobs?state=lost", None, "state", "lost", "one of queued, delayed, running"),
        ("GET", "/jobs?cursor=x", None, "cursor", "'x'", "the one of an earlier answer"),
        ("GET", "/jobs?functoin=f", None, "functoin", "f", "to be one of the parameters function"),
        ("GET", "/functions?limit=1", None, "limit", "1", "to be left out"),
        ("GET", "/dead?cursor=x", None, "cursor", "'x'", "the time and the handle of a dead letter"),
        ("POST", "/functions/f/purge", {"older_than": "1x"}, "older_than", "1x", "a number from 0"),
        ("PATCH", "/functions/f", {}, "policy", None, "an object"),
        ("PATCH", "/functions/f", {"policy": []}, "policy", "[]", "an object"),
        ("PUT", "/schedules/s", {"every": 1}, "function", None, "a text"),
        ("PUT", "/schedules/s", {"function": "f"}, "cron or every", None, "to be given"),
        ("POST", "/session", {"token": 1}, "token", 1, "a text"),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_what_was_expected(
    alone: Site, method: str, path: str, body: object, name: str, value: object, expected: str
) -> None:
    told = problem(alone.asks(method, path, body), 400)
    assert told["name"] == name
    assert value is None or told["value"] == value
    assert expected in told["expected"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nothing",
        b"\xff",
        b'{"function": NaN}',
        b'{"function": "\\ud800"}',
        b'{"delay": 1e999, "function": "f"}',
        b'{"delay": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"function": "f"} {}',
    ],
)
def test_a_body_that_is_no_json_of_a_job_is_refused(alone: Site, body: bytes) -> None:
    told = problem(alone.http.post("/jobs", content=body, headers=JSON), 400)
    assert told["expected"]


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_a_body_of_another_kind_is_refused(alone: Site, kind: str) -> None:
    headers = {"Content-Type": kind} if kind else {}
    told = problem(alone.http.post("/jobs", content=b"{}", headers=headers), 415)
    assert told["expected"] == "application/json or application/octet-stream"


def test_a_workload_in_the_body_wants_its_function_beside_it(alone: Site) -> None:
    octets = {"Content-Type": "application/octet-stream"}
    assert problem(alone.http.post("/jobs", content=b"x", headers=octets), 400)["name"] == "function"


@pytest.mark.parametrize(
    ("path", "accept", "status"),
    [
        ("/functions", "text/html", 406),
        ("/functions", "application/json;q=0, */*", 406),
        ("/functions", "text/html, application/*;q=0.5", 200),
        ("/functions", "application/json; charset=utf-8", 200),
        ("/functions", "*/*;q=none", 200),
        ("/events", "application/json", 406),
        ("/openapi.json", "application/json", 200),
    ],
)
def test_an_answer_of_a_kind_that_there_is_not_is_refused(
    alone: Site, path: str, accept: str, status: int
) -> None:
    assert alone.http.get(path, headers={"Accept": accept}).status_code == status


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/jobs"), ("PUT", "/jobs/x"), ("PROPFIND", "/pool")])
def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(
    alone: Site, method: str, path: str
) -> None:
    answer = alone.asks(method, path)
    problem(answer, 405)
    assert answer.headers["allow"] == alone.http.options(path).headers["allow"]
    assert alone.http.options(path).status_code == 204


def test_head_is_get_without_the_content(alone: Site) -> None:
    head, get = alone.http.head("/openapi.json"), alone.http.get("/openapi.json")
    assert head.status_code == 200
    assert not head.content
    assert head.headers["content-length"] == get.headers["content-length"]


@pytest.mark.parametrize("path", ["/nothing", "/jobs/", "/jobs/a/b/c", "/jobs//workload", "/functions/a b"])
def test_a_path_of_nothing_is_a_problem(alone: Site, path: str) -> None:
    problem(alone.asks("GET", path), 404)


def test_a_body_is_refused_before_all_of_it_has_come() -> None:
    with (
        site("--max-workload", "100000") as small,
        socket.create_connection((HOST, small.port), DEADLINE) as link,
    ):
        chunk = b"x" * 10_000
        head = (
            f"POST {API}/jobs?function=f HTTP/1.1\r\nHost: {HOST}\r\n"
            "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        link.sendall(head.encode())
        for _ in range(11):
            link.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += link.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert small.gets("/jobs")["jobs"] == []


def test_a_workload_or_a_body_that_is_too_large_is_refused() -> None:
    with site("--max-workload", "1000") as small:
        octets = {"Content-Type": "application/octet-stream"}
        told = problem(small.http.post("/jobs?function=f", content=b"x" * 1001, headers=octets), 413)
        assert (told["name"], told["value"], told["expected"]) == ("body", 1001, "at most 1000 bytes")
        told = problem(small.asks("POST", "/jobs", {"function": "f", "workload": "x" * 1001}), 413)
        assert told["name"] == "workload"
        body = {"jobs": [{"function": "f", "workload": "x" * 1001}]}
        assert problem(small.asks("POST", "/jobs/batch", body), 413)["name"] == "jobs[0].workload"
        large = json.dumps({"function": "f", "workload": "x" * 5_000_000}).encode()
        told = problem(small.http.post("/jobs", content=large, headers=JSON), 413)
        assert told["expected"] == "at most 1048576 bytes"
        assert small.gets("/jobs")["jobs"] == []


@pytest.mark.parametrize(
    "chunk",
    [
        b"\0\0\0\0",
        b"\0REQ\0\0\0\x10\0\0\0\0",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_its_connection_only(alone: Site, chunk: bytes) -> None:
    with socket.create_connection((HOST, alone.port), DEADLINE) as link:
        link.sendall(chunk)
        link.shutdown(socket.SHUT_WR)
        while link.recv(65536):
            pass
    assert alone.gets("/functions")["functions"] == []


def test_requests_follow_one_another_on_a_connection(alone: Site) -> None:
    asked = f"GET {API}/functions HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    with socket.create_connection((HOST, alone.port), DEADLINE) as link:
        link.sendall(asked * 3)
        answer = b""
        while answer.count(b'{"functions":') < 3:
            part = link.recv(65536)
            assert part, answer
            answer += part


def test_a_server_with_enough_connections_takes_no_more_callers() -> None:
    with site("--max-connections", "3") as full:
        assert full.gets("/functions")["functions"] == []

        def is_refused() -> bool:
            full.connect()
            with httpx.Client(base_url=full.http.base_url) as another:
                return another.get("/functions").status_code == 503

        wait_until(is_refused, "there are enough connections")
        assert full.gets("/functions")["functions"] == []  # whoever is there goes on
