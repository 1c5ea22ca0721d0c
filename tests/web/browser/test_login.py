"""A server with access rules: who logs in sees and does what the token allows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.support.busy import PREFIX, Busy
from tests.support.machine import HOST, free_port
from tests.support.processes import GeartrainProgram
from tests.web.browser.conftest import Profiles
from tests.web.browser.window import Window

RULES = f"""
[access.roles.watcher]
view = ["*"]

[[access.grants]]
role = "watcher"
token_sha256 = "{hashlib.sha256(b"let me see").hexdigest()}"

[schedules.tidy]
function = "tidy"
every = "1d"
"""


@pytest.fixture
def guarded(profiles: Profiles, tmp_path: Path) -> Iterator[Window]:
    """A window at a server that wants a token."""
    port = free_port()
    file = tmp_path / "geartrain.toml"
    file.write_text(RULES)
    options = (
        "--http",
        f"{HOST}:{port}",
        "--http-prefix",
        PREFIX,
        "--config",
        str(file),
        "--store",
        "memory:",
    )
    with GeartrainProgram(*options) as server:
        window = Window(profiles(1280, "light"), Busy(server, f"http://{HOST}:{port}{PREFIX}/"))
        yield window
        window.close()
        assert window.trouble == []


def test_a_token_opens_what_it_allows_until_one_logs_out(guarded: Window) -> None:
    page = guarded.go("schedules")
    guarded.is_at("Log in")
    page.get_by_label("Token").fill("guessed")
    guarded.press("Log in")
    guarded.sees("the token is none of this server's")
    page.get_by_label("Token").fill("let me see")
    guarded.press("Log in")
    expect(guarded.row("tidy")).to_be_visible()
    expect(page.get_by_role("button", name="Run now: tidy")).to_have_count(0)
    guarded.choose("Session", "Log out")
    guarded.is_at("Log in")
