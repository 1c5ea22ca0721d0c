"""Dead letters: shown, run again, discarded."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.busy import Busy
from tests.support.machine import wait_until
from tests.web.browser.window import Window, call, submitted


def dead_letters(busy: Busy, *workloads: str) -> list[str]:
    """Handles of new dead letters of ``say_no``."""
    handles = [submitted(busy, "say_no", workload) for workload in workloads]
    wait_until(lambda: set(handles) <= set(known(busy)), "the jobs are dead")
    return handles


def known(busy: Busy) -> list[str]:
    return [row["handle"] for row in call(busy, "GET", "dead?function=say_no")["dead"]]


def test_a_dead_letter_shows_its_error_and_its_workload_and_runs_again(window: Window, busy: Busy) -> None:
    (handle,) = dead_letters(busy, "a workload that is kept")
    page = window.go("jobs", handle)
    expect(page.locator(".facts")).to_contain_text("ValueError: this job cannot be done")
    expect(page.locator(".viewer").first).to_contain_text("a workload that is kept")
    window.press("Retry")
    window.is_told(f"{handle} is queued again.")


def test_those_that_are_picked_are_discarded_when_that_is_confirmed(window: Window, busy: Busy) -> None:
    first, second, third = dead_letters(busy, "1", "2", "3")
    window.go("dead", function="say_no")
    window.page.get_by_role("checkbox", name=f"Pick {first}", exact=True).check()
    window.page.get_by_role("checkbox", name=f"Pick {second}", exact=True).check()
    window.sees("2 picked")
    window.press("Discard picked")
    window.answer("Discard")
    window.is_told("2 dead letters discarded.")
    assert first not in known(busy)
    assert third in known(busy)


def test_those_that_are_picked_run_again(window: Window, busy: Busy) -> None:
    (handle,) = dead_letters(busy, "retried")
    window.go("dead", function="say_no")
    window.page.get_by_role("checkbox", name=f"Pick {handle}", exact=True).check()
    window.press("Retry picked")
    window.is_told("1 job queued again.")


def test_all_of_a_function_are_discarded_when_that_is_confirmed(window: Window, busy: Busy) -> None:
    dead_letters(busy, "1", "2")
    page = window.go("dead")
    page.get_by_role("combobox", name="Function", exact=True).select_option("say_no")
    window.press("Discard all")
    expect(page.get_by_role("dialog")).to_contain_text("Discard all dead letters of say_no?")
    window.answer("Discard")
    window.sees("say_no has no dead letters.")
    assert known(busy) == []
