"""The page without a mouse."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.browser.window import Window


def test_g_and_a_letter_go_to_a_page(window: Window) -> None:
    page = window.go("overview")
    window.is_at("Overview")
    for letter, title in {"j": "Jobs", "w": "Workers", "d": "Dead letters", "n": "New job"}.items():
        page.locator("h1").focus()
        page.keyboard.press("g")
        page.keyboard.press(letter)
        window.is_at(title)


def test_a_slash_searches_and_enter_goes_to_what_is_found(window: Window) -> None:
    page = window.go("overview")
    expect(window.row("thumbnail")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("thumb")
    expect(page.get_by_role("option").first).to_contain_text("thumbnail")
    page.keyboard.press("Enter")
    window.is_at("thumbnail")


def test_a_handle_is_found_by_the_search(window: Window) -> None:
    page = window.go("overview")
    page.keyboard.press("/")
    page.keyboard.type("H:nowhere:7")
    page.keyboard.press("Enter")
    window.is_at("H:nowhere:7")


def test_arrows_walk_through_a_list_and_enter_opens_the_row(window: Window) -> None:
    page = window.go("functions")
    expect(window.row("capitals")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tr[data-row]").first).to_be_focused()
    page.keyboard.press("Enter")
    window.is_at("capitals")


def test_a_question_mark_shows_the_keys_and_escape_ends_it(window: Window) -> None:
    page = window.go("overview")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_menu_is_walked_by_arrows_and_left_by_escape(window: Window) -> None:
    page = window.go("functions")
    button = page.get_by_role("button", name="More for capitals")
    button.press("Enter")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Limits…")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menuitem")).to_have_count(0)
    expect(button).to_be_focused()


def test_a_dialog_gives_the_focus_back(window: Window) -> None:
    page = window.go("schedules")
    button = page.get_by_role("button", name="Add")
    button.press("Enter")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(button).to_be_focused()
