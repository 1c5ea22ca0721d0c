"""What the page does when something is not as it should be."""

from __future__ import annotations

import json

from playwright.sync_api import Route, expect

from tests.web.browser.window import Window

API = "**/api/v1/"


def test_a_lost_connection_is_said_until_it_is_back(window: Window) -> None:
    page = window.go("functions")
    expect(window.row("thumbnail")).to_be_visible()
    window.context.set_offline(True)
    page.goto(f"{window.busy.url}#/workers")
    expect(page.locator(".banner")).to_contain_text("Connection lost, trying again")
    window.context.set_offline(False)
    expect(page.locator(".banner")).to_have_count(0)
    expect(window.row("images-1")).to_be_visible()
    window.trouble = [text for text in window.trouble if "ERR_INTERNET_DISCONNECTED" not in text]


def test_a_part_that_this_server_lacks_is_said_and_the_rest_works(window: Window) -> None:
    window.page.route(f"{API}history*", not_found)
    window.page.route(f"{API}live", not_found)
    window.go("overview")
    window.sees("This server does not offer that")
    expect(window.row("thumbnail")).to_be_visible()


def test_what_a_session_may_not_do_is_not_offered(window: Window) -> None:
    window.page.route(f"{API}session", may_only_view)
    page = window.go("functions")
    expect(window.row("thumbnail")).to_be_visible()
    expect(page.get_by_role("button", name="Pause thumbnail")).to_have_count(0)
    expect(page.get_by_role("button", name="More for thumbnail")).to_have_count(0)
    expect(page.get_by_role("link", name="New job")).to_have_count(0)
    window.go("schedules")
    expect(window.row("nightly-report")).to_be_visible()
    expect(page.get_by_role("button", name="Add")).to_have_count(0)


def test_a_token_that_is_of_old_is_renewed(window: Window) -> None:
    old = iter([True])
    window.page.route(
        f"{API}session", lambda route: token_of_old(route) if next(old, False) else route.continue_()
    )
    window.go("functions")
    window.press("Pause capitals")
    window.is_told("capitals is paused")
    window.press("Resume capitals")
    window.is_told("capitals goes on.")


def test_a_server_that_does_not_know_us_asks_for_a_token(window: Window) -> None:
    window.page.route(f"{API}functions/geocode/pause", unknown)
    page = window.go("functions")
    window.press("Pause geocode")
    window.is_at("Log in")
    page.get_by_label("Token").fill("wrong")
    window.press("Log in")
    window.sees("token")


def not_found(route: Route) -> None:
    route.fulfill(
        status=404, content_type="application/problem+json", body='{"detail": "there is no such thing"}'
    )


def unknown(route: Route) -> None:
    route.fulfill(status=401, content_type="application/problem+json", body='{"detail": "who are you?"}')


def may_only_view(route: Route) -> None:
    rights = {"submit": [], "work": [], "view": ["*"], "admin": []}
    route.fulfill(content_type="application/json", body=json.dumps({"rights": rights, "csrf": ""}))


def token_of_old(route: Route) -> None:
    rights = {right: ["*"] for right in ("submit", "work", "view", "admin")}
    route.fulfill(content_type="application/json", body=json.dumps({"rights": rights, "csrf": "of old"}))
