"""Jobs: found, shown, ended, submitted again."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from tests.support.busy import Busy
from tests.web.browser.window import Window, call, submitted


def test_jobs_are_listed_page_by_page(window: Window) -> None:
    page = window.go("jobs", function="geocode")
    expect(page.locator("tr[data-row]")).to_have_count(50)
    first = page.locator("tr[data-row]").first.inner_text()
    window.press("Next")
    expect(page.locator("tr[data-row]").first).not_to_have_text(first)
    window.press("Back")
    expect(page.locator("tr[data-row]").first).to_contain_text("place-0")


def test_jobs_are_found_by_what_they_are(window: Window) -> None:
    page = window.go("jobs")
    page.locator("summary").click()
    page.get_by_label("Function", exact=True).fill("geocode")
    page.get_by_label("Unique").fill("place-77")
    window.press("Find")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(window.row("place-77")).to_be_visible()
    window.press("Clear")
    expect(page.locator("tr[data-row]")).to_have_count(50)


def test_jobs_are_found_by_their_state_and_their_age(window: Window) -> None:
    page = window.go("jobs")
    window.press("Delayed")
    expect(page.locator("tr[data-row]")).to_have_count(12)
    window.go("jobs", older_than="5h")
    window.sees("No matching jobs.")


def test_a_running_job_shows_its_progress_and_its_data_as_they_come(window: Window, busy: Busy) -> None:
    with_data = submitted(busy, "video_transcode", json.dumps({"video": "watched.mp4"}), priority="high")
    page = window.go("jobs", with_data)
    progress = page.get_by_role("progressbar", name="Progress of the job")
    expect(progress).to_be_visible(timeout=30_000)
    expect(page.locator(".streamed")).to_contain_text("frame 5 of 40", timeout=30_000)
    assert float(progress.get_attribute("value") or 0) > 0
    expect(page.locator(".time-line")).to_contain_text("started")
    expect(page.locator(".viewer")).to_contain_text('"video": "watched.mp4"')


def test_a_job_that_is_over_shows_its_result(window: Window, busy: Busy) -> None:
    handle = submitted(busy, "thumbnail", "{}", priority="high")
    page = window.go("jobs", handle)
    expect(page.locator(".viewer", has_text="thumbnail.webp")).to_contain_text('"width": 320')
    expect(page.locator(".time-line")).to_contain_text("complete")
    window.press("Text", page.locator(".viewer", has_text="thumbnail.webp"))
    expect(page.locator(".viewer", has_text="thumbnail.webp")).to_contain_text('{"width": 320,')


def test_bytes_that_are_no_text_are_shown_in_hex(window: Window, busy: Busy) -> None:
    page = window.go("jobs", submitted(busy, "invoice_pdf", "{}", priority="high"))
    expect(page.locator("pre.hex")).to_contain_text("25 50 44 46 2d 31 2e 37")


def test_a_job_is_cancelled_when_that_is_confirmed(window: Window, busy: Busy) -> None:
    handle = submitted(busy, "geocode", "cancel me")
    window.go("jobs", handle)
    window.press("Cancel")
    window.answer("Cancel the job")
    window.is_told(f"{handle} is cancelled.")
    expect(window.page.locator(".sub .badge")).to_have_text("cancelled")


def test_a_job_is_submitted_again(window: Window, busy: Busy) -> None:
    handle = submitted(busy, "geocode", "again", metadata={"who": "Ada"})
    page = window.go("jobs", handle)
    expect(page.locator(".facts")).to_contain_text("Ada")
    window.press("Resubmit")
    window.is_told("Submitted again, as ")
    expect(page.get_by_role("heading", level=1)).not_to_have_text(handle)
    expect(page.locator(".viewer")).to_contain_text("again")


def test_waiting_clients_are_named(window: Window, busy: Busy) -> None:
    window.go("jobs", state="running", function="video_transcode")
    jobs = call(busy, "GET", "jobs?function=video_transcode&unique=waited-for")["jobs"]
    if not jobs:  # it is over by now: a client that the window is
        return
    window.go("jobs", jobs[0]["handle"])
    window.sees("Waiting clients")
    window.sees("127.0.0.1")


def test_a_job_that_nobody_knows_is_explained(window: Window) -> None:
    window.go("jobs", "H:nowhere:1")
    window.sees("No job H:nowhere:1 is known.")
