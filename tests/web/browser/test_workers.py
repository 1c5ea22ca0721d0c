"""Workers, drained and resumed; connections."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.busy import Busy
from tests.web.browser.window import Window, submitted


def test_workers_show_what_they_do_and_since_when(window: Window, busy: Busy) -> None:
    handle = submitted(busy, "doze", "8")
    window.go("workers")
    row = window.row(handle)
    expect(row).to_contain_text("sleepy-")
    expect(row).to_contain_text("busy")
    expect(row).to_contain_text("for ")


def test_a_worker_is_drained_and_gets_jobs_again(window: Window) -> None:
    window.go("workers")
    window.press("Drain odd-2")
    window.is_told("odd-2 gets no new jobs")
    expect(window.row("odd-2")).to_contain_text("draining")
    window.press("Resume odd-2")
    expect(window.row("odd-2")).not_to_contain_text("draining")


def test_workers_are_found_by_what_they_can_do(window: Window) -> None:
    page = window.go("workers")
    page.get_by_role("searchbox", name="Filter by id").fill("video_trans")
    expect(page.locator("tr[data-row]")).to_have_count(2)


def test_all_connections_are_shown_too(window: Window) -> None:
    page = window.go("workers")
    window.press("All connections")
    expect(
        page.locator("tr[data-row]", has_text="client")
        .or_(page.locator("tr[data-row]", has_text="waits"))
        .first
    ).to_be_visible()
