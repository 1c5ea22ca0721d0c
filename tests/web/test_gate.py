"""What holds for every request: whose name it calls, where a browser has it from, and what answers say."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.support.machine import HOST
from tests.web.sites import Site, problem, site

NAMED = ("--http-name", "jobs.example.org")


@pytest.fixture(scope="module")
def named() -> Iterator[Site]:
    with site(*NAMED) as running:
        yield running


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:80",
        "[::1]",
        "[::1]:8080",
        "localhost",
        "LOCALHOST:9",
        "jobs.example.org",
        "10.9.8.7",
    ],
)
def test_a_request_that_calls_the_server_by_a_name_of_its_own_is_let_in(named: Site, host: str) -> None:
    for name in (host, socket.gethostname()):
        assert named.http.get("/functions", headers={"Host": name}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "jobs.example.org.evil",
        "",
        "[::1",
        "x:y:z",
    ],
)
def test_a_request_that_calls_it_by_another_name_is_not(named: Site, host: str) -> None:
    told = problem(named.http.get("/functions", headers={"Host": host}), 421)
    assert (told["name"], told["value"]) == ("Host", host)
    problem(named.http.get(named.url + "/", headers={"Host": host}), 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Cookie": "geartrain_session=x"},
    ],
)
def test_a_browser_changes_something_only_with_the_token_of_the_page(
    alone: Site, headers: dict[str, str]
) -> None:
    alone.submits("f")
    for token in ({}, {"X-CSRF-Token": "f" * 64}, {"X-CSRF-Token": "\u00e9".encode("latin-1")}):
        told = problem(alone.asks("POST", "/functions/f/pause", headers={**headers, **token}), 403)
        assert (told["name"], told["code"]) == ("X-CSRF-Token", "CSRF")
    token = {"X-CSRF-Token": alone.http.get("/session", headers=headers).json()["csrf"]}
    assert alone.asks("POST", "/functions/f/resume", headers={**headers, **token}).status_code == 200
    assert alone.http.get("/functions", headers=headers).status_code == 200
    bearer = {"Authorization": "Bearer secret"}
    assert alone.asks("POST", "/functions/f/resume", headers={**headers, **bearer}).status_code == 200
    alone.does("POST", "/functions/f/purge", {})
    alone.does("DELETE", "/functions/f")


def test_no_other_site_may_read_or_show_an_answer(alone: Site) -> None:
    for answer in (
        alone.http.get("/functions", headers={"Origin": "http://evil.example"}),
        alone.http.get(f"{alone.url}/"),
        alone.asks("POST", "/jobs", {}),
        alone.http.get("/functions", headers={"Host": "evil.example"}),
    ):
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_answers_of_the_api_are_kept_by_nobody(alone: Site) -> None:
    assert alone.http.get("/functions").headers["cache-control"] == "no-store"


def test_a_token_that_nobody_has_given_logs_nobody_in(alone: Site) -> None:
    problem(alone.asks("POST", "/session", {"token": "secret"}), 401)
    assert alone.asks("DELETE", "/session").status_code == 204
    told = alone.gets("/session")
    assert told["rights"]["admin"] == ["*"]


def test_the_page_and_its_files_are_sent(alone: Site) -> None:
    answer = httpx.get(f"{alone.url}/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    seen = {"If-None-Match": answer.headers["etag"]}
    assert httpx.get(f"{alone.url}/", headers=seen).status_code == 304
    for path in re.findall(r'(?:src|href)="(static/[^"]+)"', answer.text):
        assert httpx.get(f"{alone.url}/{path}").status_code == 200
    problem(httpx.get(f"{alone.url}/static/../application.py"), 404)
    problem(httpx.get(f"{alone.url}/static/%2e%2e/application.py"), 404)


def test_a_prefix_stands_before_all_paths() -> None:
    with site(prefix="/tools/geartrain") as prefixed:
        handle = prefixed.submits("f")
        answer = prefixed.asks("POST", "/jobs", {"function": "g"})
        assert answer.headers["location"].startswith("/tools/geartrain/api/v1/jobs/")
        assert prefixed.gets(f"/jobs/{handle}")["function"] == "f"
        assert prefixed.gets("/openapi.json")["servers"] == [{"url": "/tools/geartrain/api/v1"}]
        assert httpx.get(f"{prefixed.url}/livez").json()["alive"]
        moved = httpx.get(prefixed.url)
        assert (moved.status_code, moved.headers["location"]) == (308, "/tools/geartrain/")
        assert httpx.get(f"{prefixed.url}/").status_code == 200
        assert httpx.get(f"http://{HOST}:{prefixed.port}/api/v1/functions").status_code == 404
