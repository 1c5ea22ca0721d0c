"""One busy server and one browser for all tests of the page; each test has a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.busy import Busy, busy_server, wait_for_jobs
from tests.support.machine import require
from tests.web.browser.window import Window

OpenWindow = Callable[..., Window]


@pytest.fixture(scope="session")
def busy() -> Iterator[Busy]:
    with busy_server() as busy:
        wait_for_jobs(busy)
        yield busy


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = require("chromium")
    with sync_playwright() as playwright:
        # Without a sandbox, since tests may run as root, and see no page but ours.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_window(browser: Browser, busy: Busy) -> Iterator[OpenWindow]:
    """Windows that end with the test, which fails where one of them had trouble."""
    windows: list[Window] = []

    def open_one(width: int = 1280, theme: str = "light") -> Window:
        windows.append(Window(browser, busy, width, theme))
        return windows[-1]

    yield open_one
    for window in windows:
        window.close()
    assert [trouble for window in windows for trouble in window.trouble] == []


@pytest.fixture
def window(open_window: OpenWindow) -> Window:
    return open_window()
