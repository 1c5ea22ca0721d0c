"""The pool's page of a server that is alone, and the tail of events."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.busy import Busy
from tests.web.browser.window import Window, submitted


def test_a_server_that_is_alone_says_so_and_shows_its_figures(window: Window) -> None:
    page = window.go("pool")
    window.sees("This server is alone")
    expect(page.locator(".facts")).to_contain_text("uptime")


def test_events_are_shown_as_they_happen(window: Window) -> None:
    page = window.go("events")
    expect(page.locator(".event-list li").nth(20)).to_be_attached()
    expect(page.locator(".event-list")).to_contain_text("completed")


def test_events_of_one_function_alone_are_shown(window: Window, busy: Busy) -> None:
    page = window.go("events", function="capitals")
    window.sees("Live")
    page.wait_for_timeout(600)
    handle = submitted(busy, "capitals", "watched")
    window.sees(handle)
    window.press("Progress")
    window.sees("letter 3")
    expect(page.locator(".event-list")).not_to_contain_text("completed")


def test_events_are_held_to_be_read(window: Window) -> None:
    page = window.go("events")
    expect(page.locator(".event-list li").nth(3)).to_be_attached()
    window.press("Hold")
    shown = page.locator(".event-list").inner_text()
    page.wait_for_timeout(700)
    assert page.locator(".event-list").inner_text() == shown
    window.press("Go on")
    expect(page.locator(".event-list")).not_to_have_text(shown)
