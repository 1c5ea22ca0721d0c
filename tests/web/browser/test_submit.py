"""Jobs that the page submits."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.browser.window import Window


def test_a_job_is_submitted_in_the_background(window: Window) -> None:
    page = window.go("submit", function="geocode")
    page.get_by_label("Workload").fill("from the page")
    page.get_by_label("Metadata").fill("who=Ada, why=test")
    window.press("Submit")
    window.is_told("Submitted as ")
    expect(page.locator(".viewer")).to_contain_text("from the page")
    expect(page.locator(".facts")).to_contain_text("Ada")


def test_a_job_is_submitted_for_later(window: Window) -> None:
    page = window.go("submit", function="later")
    page.get_by_label("Not before").fill("1h")
    window.press("Submit")
    expect(page.locator(".sub .badge")).to_have_text("delayed")


def test_the_page_waits_for_a_result_and_hears_everything_on_the_way(window: Window) -> None:
    page = window.go("submit", function="capitals")
    window.press("Wait for the result")
    page.get_by_label("Workload").fill("hello")
    window.press("Submit")
    expect(page.locator(".streamed")).to_contain_text("letter 2")
    expect(page.locator(".viewer pre")).to_have_text("HELLO")


def test_a_page_that_hangs_up_leaves_its_job(window: Window) -> None:
    page = window.go("submit", function="geocode")
    window.press("Wait for the result")
    page.get_by_label("Unique").fill("left-alone")
    window.press("Submit")
    expect(page.locator("[aria-live] .handle")).to_be_visible()
    window.press("Hang up")
    expect(page.locator("[aria-live] .badge")).to_have_text("cancelled")
    window.go("jobs", unique="left-alone")
    window.sees("No matching jobs.")


def test_an_exception_is_shown(window: Window) -> None:
    page = window.go("submit", function="say_no")
    window.press("Wait for the result")
    window.press("Submit")
    expect(page.locator(".viewer pre")).to_have_text("ValueError: this job cannot be done")


def test_what_the_server_refuses_is_explained(window: Window) -> None:
    page = window.go("submit", function="geocode")
    page.get_by_label("Metadata").fill("nonsense")
    window.press("Submit")
    window.is_told("is no metadata: name=value is.")
