"""Schedules: added, run, paused, changed, removed."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.browser.window import Window


def test_the_schedules_of_the_file_are_listed(window: Window) -> None:
    window.go("schedules")
    row = window.row("nightly-report")
    expect(row).to_contain_text("0 3 * * 1-5")
    expect(row).to_contain_text("Europe/Berlin")
    expect(row).to_contain_text("in ")


def test_a_schedule_is_added_run_paused_changed_and_removed(window: Window) -> None:
    window.go("schedules")
    window.press("Add")
    window.answer("Add", name="tidy", function="geocode", every="12h", workload="tidy up", priority="low")
    window.is_told("tidy is added.")
    expect(window.row("tidy")).to_contain_text("every 12 h")
    window.press("Run now: tidy")
    window.is_told("tidy runs, as H:")
    window.choose("More for tidy", "Pause")
    expect(window.row("tidy")).to_contain_text("paused")
    window.choose("More for tidy", "Resume")
    expect(window.row("tidy")).not_to_contain_text("paused")
    window.choose("More for tidy", "Change…")
    window.answer("Change", every="", cron="@daily", timezone="Europe/Berlin")
    window.is_told("tidy is changed.")
    expect(window.row("tidy")).to_contain_text("Europe/Berlin")
    window.choose("More for tidy", "Remove…")
    window.answer("Remove")
    window.is_told("tidy is removed.")
    expect(window.row("tidy")).to_have_count(0)


def test_a_cron_line_that_is_none_is_explained(window: Window) -> None:
    page = window.go("schedules")
    window.press("Add")
    window.answer("Add", name="wrong", function="geocode")
    expect(page.get_by_role("dialog")).to_contain_text("Either a cron line or an interval is expected.")
    window.answer("Add", cron="61 * * * *")
    window.is_told("61 * * * *")
