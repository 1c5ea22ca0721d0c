"""Names, numbers and addresses that nobody expects: the page shows them, and nothing breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Route, expect

from tests.support.busy import Busy
from tests.web.browser.conftest import OpenWindow
from tests.web.browser.window import Window, call, submitted

API = "**/api/v1/"
LONG = "a-name-without-any-blank" * 21
ODD = "\u202eevil\u200b\x1b[31m"
SHOWN = "\\u202eevil\\u200b\\x1b[31m"

# Controls whose name for screen readers lacks the text that is seen on them (WCAG 2.5.3).
MISNAMED = """() => [...document.querySelectorAll('button, a[href]')]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => element.ariaLabel && element.innerText.trim())
  .filter((element) => !element.ariaLabel.toLowerCase().includes(element.innerText.trim().toLowerCase()))
  .map((element) => `${element.ariaLabel}: ${element.innerText.trim()}`)"""


@pytest.mark.parametrize("address", ["__proto__", "constructor", "jobs/%", "functions/%E0%A4%A", "x" * 5000])
def test_an_address_that_stands_for_nothing_is_said_to(window: Window, address: str) -> None:
    window.page.goto(f"{window.busy.url}#/{address}")
    window.is_at("Not here")
    window.page.get_by_role("main").get_by_role("link", name="Overview").click()
    window.is_at("Overview")


@pytest.mark.parametrize("name", ["__proto__", "constructor", ODD])
def test_a_function_may_have_any_name(window: Window, busy: Busy, name: str) -> None:
    handle = submitted(busy, name)
    window.go("functions", name)
    window.is_at(SHOWN if name == ODD else name)
    window.go("jobs", handle)
    expect(window.page.locator(".sub")).to_contain_text(f"of {SHOWN if name == ODD else name}")
    call(busy, "DELETE", f"jobs/{handle}")


@pytest.mark.parametrize("width", [390, 1280])
def test_long_names_fit(open_window: OpenWindow, busy: Busy, width: int) -> None:
    handle = submitted(busy, LONG, unique="u" * 255, metadata={"m" * 60: "v" * 200})
    window = open_window(width)
    for where in (
        ("functions",),
        ("functions", LONG),
        ("jobs",),
        ("jobs", handle),
        ("events",),
        ("overview",),
    ):
        page = window.go(*where)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(350)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, where
    page.get_by_role("combobox", name="Search").fill(LONG[:20])
    expect(page.get_by_role("option").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    call(busy, "DELETE", f"jobs/{handle}")


def test_names_for_screen_readers_have_the_text_that_is_seen(window: Window) -> None:
    for where in ("overview", "functions", "jobs", "workers", "schedules", "dead", "events", "submit"):
        page = window.go(where)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(200)
        assert page.evaluate(MISNAMED) == [], where


def test_a_dialog_goes_with_the_page_that_it_is_about(window: Window) -> None:
    window.go("overview")
    window.go("schedules")
    window.press("Add")
    expect(window.page.get_by_role("dialog")).to_be_visible()
    window.page.go_back()
    window.is_at("Overview")
    expect(window.page.get_by_role("dialog")).to_have_count(0)


def test_a_search_goes_on_where_the_first_answers_have_no_job(window: Window) -> None:
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        found = job(handle="H:far:1") if "cursor=2" in route.request.url else None
        after = None if found else "2" if "cursor=1" in route.request.url else "1"
        route.fulfill(json={"jobs": [found] if found else [], "next": after})

    window.page.route(f"{API}jobs?*", answer)
    window.go("jobs", unique="rare")
    expect(window.row("H:far:1")).to_be_visible()
    assert len([url for url in asked if "unique=rare" in url]) >= 3


def test_a_search_that_finds_nothing_says_so_at_its_end(window: Window) -> None:
    window.go("jobs", unique="there-is-no-such-job")
    window.sees("No matching jobs.")


def test_of_many_functions_the_first_of_their_order_are_shown(window: Window) -> None:
    rows = [function(f"f{number:04}", number) for number in range(1000)]
    event = json.dumps({"at": 1.0, "functions": rows, "server": {}})
    window.page.route(
        f"{API}live",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=f"event: snapshot\ndata: {event}\n\n"
        ),
    )
    page = window.go("functions")
    expect(window.row("f0000")).to_be_visible()
    page.get_by_role("button", name="Queued").click()
    expect(page.locator("tr[data-row]").first).to_contain_text("f0999")
    window.sees("The first 300 of 1,000")


def test_a_time_that_no_calendar_has_is_shown_as_a_number(window: Window) -> None:
    window.page.route(
        f"{API}jobs/H%3Aodd%3A1",
        lambda route: route.fulfill(json=job(handle="H:odd:1", state="delayed", run_at=2.0**63)),
    )
    window.go("jobs", "H:odd:1")
    window.sees("9223372036854776000 s after 1970")


def test_what_cannot_be_submitted_again_is_not_offered_to(window: Window) -> None:
    for number, (size, offered) in enumerate([(65_536, 1), (65_537, 0)]):
        handle = f"H:big:{number}"
        window.page.route(f"{API}jobs/{quote(handle)}", answers(job(handle=handle, workload_bytes=size)))
        window.go("jobs", handle)
        window.is_at(handle)
        expect(window.page.get_by_role("button", name="Cancel")).to_be_visible()
        expect(window.page.get_by_role("button", name="Resubmit")).to_have_count(offered)


def test_large_figures_are_shown_whole(window: Window) -> None:
    row = function("f", 2_000_000_000) | {"oldest_at": 1.0}
    event = json.dumps({"at": 1.0, "functions": [row], "server": {}})
    window.page.route(
        f"{API}live",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=f"event: snapshot\ndata: {event}\n\n"
        ),
    )
    page = window.go("overview")
    expect(page.locator(".figure", has_text="Oldest waits")).to_contain_text(" d ")
    values = page.locator(".figure-value")
    assert all(
        value.evaluate("element => element.scrollWidth <= element.clientWidth") for value in values.all()
    )


def answers(row: dict[str, object]) -> Callable[[Route], None]:
    return lambda route: route.fulfill(json=row)


def job(**fields: object) -> dict[str, object]:
    """A row of the API."""
    row: dict[str, object] = {
        "handle": "H:x:1",
        "function": "f",
        "unique": "",
        "state": "queued",
        "priority": "normal",
        "background": True,
        "waiting": 0,
        "attempts": 0,
        "numerator": 0,
        "denominator": 0,
        "workload_bytes": 0,
        "submitted_at": 1.0,
        "run_at": None,
        "worker": None,
        "worker_host": None,
        "started_at": None,
        "clients": [],
        "metadata": None,
        "reducer": None,
    }
    return row | fields


def function(name: str, queued: int) -> dict[str, object]:
    """A row of the API."""
    return {
        "function": name,
        "queued": {"high": 0, "normal": queued, "low": 0},
        "delayed": 0,
        "running": 0,
        "workers": 0,
        "oldest_at": None,
        "dead": 0,
        "totals": {"completed": 0, "failed": 0, "submitted": queued},
    }
