"""One busy server and one browser for all tests of the page; each test has a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.support.busy import Busy, busy_server, wait_for_jobs
from tests.support.machine import require
from tests.web.browser.window import PATIENCE, Window

Theme = Literal["light", "dark"]
OpenWindow = Callable[..., Window]
Profiles = Callable[[int, Theme], BrowserContext]


@pytest.fixture(scope="package")
def busy() -> Iterator[Busy]:
    with busy_server() as busy:
        wait_for_jobs(busy)
        yield busy


@pytest.fixture(scope="package")  # and no longer: where it is open, no test can run a loop of asyncio
def browser() -> Iterator[Browser]:
    chromium = require("chromium")
    with sync_playwright() as playwright:
        # Without a sandbox, since tests may run as root, and see no page but ours.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def profiles(browser: Browser) -> Profiles:
    """What tests share: the browser's cache, and with it half of their time."""
    known: dict[tuple[int, Theme], BrowserContext] = {}

    def profile(width: int, theme: Theme) -> BrowserContext:
        if (width, theme) not in known:
            context = browser.new_context(viewport={"width": width, "height": 840}, color_scheme=theme)
            context.set_default_timeout(PATIENCE)
            known[width, theme] = context
        return known[width, theme]

    return profile


@pytest.fixture
def open_window(profiles: Profiles, busy: Busy) -> Iterator[OpenWindow]:
    """Windows that end with the test, which fails where one of them had trouble."""
    windows: list[Window] = []

    def open_one(width: int = 1280, theme: Theme = "light") -> Window:
        windows.append(Window(profiles(width, theme), busy))
        return windows[-1]

    yield open_one
    for window in windows:
        window.close()
    assert [trouble for window in windows for trouble in window.trouble] == []


@pytest.fixture
def window(open_window: OpenWindow) -> Window:
    return open_window()
