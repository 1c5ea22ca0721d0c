"""Access rules over HTTP: bearer tokens, sessions, what is refused, and what partial views have in them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from geartrain.web.application import OPERATIONS
from tests.web.sites import Site, problem, site

TOKENS: Final = {"team": "0123456789abcdef-team", "operator": "0123456789abcdef-operator"}
RULES: Final = """
[access.roles.team]
submit = ["mine*"]
view = ["mine*"]

[access.roles.operator]
submit = ["*"]
view = ["*"]
admin = ["*"]
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose rules know two tokens."""
    folder = tmp_path_factory.mktemp("rules")
    with site("--config", str(configured(folder))) as running:
        for function in ("mine", "theirs"):
            with_token(running, "operator").post("/jobs", json={"function": function}).raise_for_status()
        yield running


def configured(folder: Path) -> Path:
    text = RULES
    for name, token in TOKENS.items():
        file = folder / f"{name}.token"
        file.write_text(token)
        file.chmod(0o600)
        text += f'[[access.grants]]\nrole = "{name}"\ntoken_file = "{file}"\n'
    path = folder / "geartrain.toml"
    path.write_text(text)
    return path


def with_token(site: Site, name: str) -> httpx.Client:
    token = TOKENS.get(name, name)
    headers = {"Authorization": f"Bearer {token}"}
    return site.stack.enter_context(httpx.Client(base_url=site.http.base_url, headers=headers, timeout=30))


PATHS: Final = [
    (
        operation.method,
        operation.path.replace("{number}", "1").replace("{name}", "mine").replace("{handle}", "H:x:1"),
    )
    for operation in OPERATIONS
    if not operation.free
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_who_is_nobody_is_asked_for_a_token(guarded: Site, method: str, path: str) -> None:
    answer = guarded.asks(method, path, {} if method in ("POST", "PUT", "PATCH") else None)
    assert "token" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_wrong_token_is_refused_after_a_while(guarded: Site) -> None:
    began = time.monotonic()
    problem(with_token(guarded, "wrong-but-long-enough").get("/functions"), 401)
    assert time.monotonic() - began >= 0.9


def test_a_session_says_what_one_may_do_and_needs_nothing(guarded: Site) -> None:
    assert guarded.gets("/session")["rights"] == {"submit": [], "work": [], "view": [], "admin": []}
    rights = with_token(guarded, "team").get("/session").json()["rights"]
    assert rights == {"submit": ["mine*"], "work": [], "view": ["mine*"], "admin": []}
    assert guarded.gets("/openapi.json")["openapi"]


def test_lists_have_what_one_may_view(guarded: Site) -> None:
    team, operator = with_token(guarded, "team"), with_token(guarded, "operator")
    assert names(team.get("/functions")) == {"mine"}
    assert names(operator.get("/functions")) == {"mine", "theirs"}
    handles = {row["function"]: row["handle"] for row in operator.get("/jobs").json()["jobs"]}
    assert [row["function"] for row in team.get("/jobs").json()["jobs"]] == ["mine"]
    problem(team.get(f"/jobs/{handles['theirs']}"), 404)
    assert team.get(f"/jobs/{handles['mine']}").json()["function"] == "mine"


def names(answer: httpx.Response) -> set[str]:
    return {row["function"] for row in answer.json()["functions"]}


def test_what_one_may_not_is_403_with_the_right_that_it_needs(guarded: Site) -> None:
    team = with_token(guarded, "team")
    told = problem(team.post("/jobs", json={"function": "theirs"}), 403)
    assert told["detail"].endswith("wants the right submit on function theirs")
    told = problem(team.post("/functions/mine/pause"), 403)
    assert told["detail"] == "pause wants the right admin on any function"
    problem(team.get("/history", params={"function": "theirs"}), 403)
    assert team.get("/history", params={"function": "mine"}).is_success
    assert team.get("/history").is_success


def test_the_live_stream_has_what_one_may_view(guarded: Site) -> None:
    headers = {"Accept": "text/event-stream"}
    with with_token(guarded, "team").stream("GET", "/live", headers=headers) as answer:
        data = next(line for line in answer.iter_lines() if line.startswith("data: "))
    assert '"function":"mine"' in data
    assert "theirs" not in data


def test_metrics_need_view_and_health_needs_nothing(guarded: Site) -> None:
    root = guarded.url
    problem(httpx.get(f"{root}/metrics"), 401)
    text = httpx.get(f"{root}/metrics", headers={"Authorization": f"Bearer {TOKENS['team']}"}).text
    assert 'function="mine"' in text
    assert "theirs" not in text
    assert httpx.get(f"{root}/livez").is_success
    assert httpx.get(f"{root}/readyz").is_success
    assert httpx.get(f"{root}/").is_success


def test_a_session_is_its_tokens_until_it_ends(guarded: Site) -> None:
    with httpx.Client(base_url=guarded.http.base_url, timeout=30) as browser:
        headers = {"X-CSRF-Token": browser.get("/session").json()["csrf"], "Sec-Fetch-Site": "same-origin"}
        problem(browser.post("/session", json={"token": "wrong"}, headers=headers), 401)
        answer = browser.post("/session", json={"token": TOKENS["team"]}, headers=headers)
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert TOKENS["team"] not in cookie
        assert names(browser.get("/functions")) == {"mine"}
        headers["X-CSRF-Token"] = browser.get("/session").json()["csrf"]
        problem(browser.post("/jobs", json={"function": "mine"}), 403)  # without the token for changes
        assert browser.post("/jobs", json={"function": "mine"}, headers=headers).is_success
        assert browser.delete("/session", headers=headers).status_code == 204
        problem(browser.get("/functions"), 401)


def test_the_audit_log_has_what_is_changed_over_http(guarded: Site) -> None:
    operator = with_token(guarded, "operator")
    operator.post("/functions/theirs/pause").raise_for_status()
    operator.post("/functions/theirs/resume").raise_for_status()
    log = guarded.server.output()
    line = next(line for line in log.splitlines() if "what=pause on=theirs" in line)
    assert "who=token:operator" in line
    assert line.endswith("outcome=done")
    assert not any(token in log for token in TOKENS.values())
