"""The overview, and what every page has around it."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from geartrain.protocol.commands import CAN_DO, GRAB_JOB
from geartrain.protocol.packet import request
from tests.support.busy import Busy
from tests.web.browser.window import Window, submitted


def test_the_overview_shows_what_happens_now(window: Window) -> None:
    page = window.go("overview")
    window.is_at("Overview")
    figure = page.locator(".figure", has_text="Completed").locator(".figure-value")
    expect(figure).to_have_text(re.compile("[1-9]"))
    expect(page.locator(".figure", has_text="Queued").locator(".figure-value")).not_to_have_text("0")


def test_the_overview_names_the_busiest_functions_and_what_needs_attention(window: Window) -> None:
    page = window.go("overview")
    expect(window.row("thumbnail")).to_be_visible()
    expect(page.locator(".worries", has_text="geocode")).to_contain_text("queued, and no worker")
    window.sees("is paused")


def test_the_overview_names_functions_whose_workers_die(window: Window, busy: Busy) -> None:
    submitted(busy, "fragile")
    with busy.server.connect() as worker:
        worker.sendall(request(CAN_DO, b"fragile") + request(GRAB_JOB))
        assert worker.recv(1)
    page = window.go("overview")
    expect(page.locator(".worries", has_text="fragile")).to_contain_text("1 lost, 0 over the time limit")


def test_the_history_of_an_hour_and_of_a_day_is_drawn(window: Window) -> None:
    page = window.go("overview")
    expect(page.locator(".chart canvas")).to_have_count(3, timeout=30_000)
    window.press("Day")
    expect(page.get_by_role("button", name="Day", exact=True)).to_have_attribute("aria-pressed", "true")


def test_the_navigation_marks_the_page_and_counts_dead_letters(window: Window) -> None:
    page = window.go("workers")
    expect(page.locator("nav a[aria-current=page]")).to_have_text("Workers")
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text("live")


def test_a_page_that_is_not_there_says_so(window: Window) -> None:
    window.go("nothing")
    window.is_at("Not here")


def test_the_prefix_without_its_slash_leads_to_the_page(window: Window) -> None:
    window.page.goto(window.busy.url.rstrip("/"))
    window.is_at("Overview")


def test_the_theme_is_the_systems_until_another_one_is_chosen_and_remembered(window: Window) -> None:
    page = window.go("overview")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(ground)
    assert dark != light
    page.get_by_role("button", name="Theme: system").click()
    assert page.evaluate(ground) == light
    page.reload()
    expect(page.get_by_role("button", name="Theme: light")).to_be_visible()
    assert page.evaluate(ground) == light
    page.evaluate("localStorage.clear()")
