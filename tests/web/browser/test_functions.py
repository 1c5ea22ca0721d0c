"""Functions: pause, limit, policy, drain, purge, drop."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.busy import Busy
from tests.web.browser.window import Window, call, submitted


def test_functions_are_listed_with_their_figures_and_sorted_by_a_column(window: Window) -> None:
    page = window.go("functions")
    expect(window.row("geocode")).to_contain_text("140")
    window.press("Queued")
    expect(page.locator("tr[data-row]").first).to_contain_text("geocode")


def test_functions_are_found_by_a_part_of_their_name(window: Window) -> None:
    page = window.go("functions")
    page.get_by_role("searchbox", name="Filter by name").fill("thumb")
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_function_is_paused_and_goes_on(window: Window) -> None:
    window.go("functions")
    window.press("Pause capitals")
    window.is_told("capitals is paused")
    expect(window.row("capitals")).to_contain_text("paused")
    window.press("Resume capitals")
    expect(window.row("capitals")).not_to_contain_text("paused")


def test_a_limit_is_set(window: Window, busy: Busy) -> None:
    window.go("functions")
    window.choose("More for geocode", "Limits…")
    window.answer("Set", max_running="7", rate="90/m", low="5000")
    window.is_told("The policy of geocode is set.")
    policy = call(busy, "GET", "functions/geocode")["policy"]
    assert (policy["max_running"], policy["rate"], policy["max_queue"]) == (7, "90/m", {"low": 5000})


def test_a_limit_that_cannot_be_is_explained(window: Window) -> None:
    window.go("functions")
    window.choose("More for geocode", "Limits…")
    window.answer("Set", rate="often")
    window.is_told("such as 10/s")


def test_a_function_is_drained_when_that_is_confirmed(window: Window) -> None:
    window.go("functions")
    window.choose("More for say_no", "Drain…")
    window.answer("Cancel")
    window.choose("More for say_no", "Drain…")
    window.answer("Drain")
    expect(window.row("say_no")).to_contain_text("draining")
    window.choose("More for say_no", "Resume")
    expect(window.row("say_no")).not_to_contain_text("draining")


def test_what_waits_is_purged_when_that_is_confirmed(window: Window, busy: Busy) -> None:
    for number in range(3):
        submitted(busy, "to_purge", str(number))
    window.go("functions")
    window.choose("More for to_purge", "Purge…")
    window.answer("Purge", age="nonsense")
    window.answer("Purge", age="1h")
    window.is_told("0 jobs of to_purge cancelled.")
    window.choose("More for to_purge", "Purge…")
    window.answer("Purge", age="")
    window.is_told("3 jobs of to_purge cancelled.")


def test_a_function_is_dropped_when_that_is_confirmed(window: Window, busy: Busy) -> None:
    submitted(busy, "to_drop")
    window.go("functions")
    window.choose("More for to_drop", "Drop…")
    window.answer("Drop")
    window.is_told("to_drop is dropped.")
    expect(window.row("to_drop")).to_have_count(0)


def test_one_function_shows_how_long_its_jobs_waited_and_ran(window: Window) -> None:
    page = window.go("functions", "thumbnail")
    window.is_at("thumbnail")
    expect(page.get_by_role("list", name="Ran: jobs by duration")).to_be_visible()
    expect(page.locator(".latency").first).to_contain_text("99 %")
    expect(page.locator(".facts").first).to_contain_text("submitted")


def test_a_policy_is_set_field_by_field_and_taken_back(window: Window) -> None:
    page = window.go("functions", "doze")
    window.press("Edit")
    page.locator("input[name=timeout]").fill("90")
    page.get_by_role("checkbox", name="exception").check()
    window.press("Set the policy")
    window.is_told("The policy of doze is set.")
    policy = page.locator(".policy")
    expect(policy).to_contain_text("lost, timeout, exception")
    expect(policy).to_contain_text("set at run time")
    window.press("Edit")
    field = page.locator(".policy-field", has=page.locator("input[name=timeout]"))
    window.press("as the file says", field)
    expect(page.locator(".policy", has_text="90")).to_have_count(0)


def test_a_function_with_an_odd_name_has_a_page(window: Window, busy: Busy) -> None:
    submitted(busy, "odd/näme?&#%")
    window.go("functions", "odd/näme?&#%")
    window.is_at("odd/näme?&#%")
    window.sees("Queued")
