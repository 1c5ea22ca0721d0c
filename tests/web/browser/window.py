"""A window of a browser, as its user sees it."""

from __future__ import annotations

import json
from typing import Any, cast
from urllib.parse import quote
from urllib.request import Request, urlopen

from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.support.busy import Busy

PATIENCE = 10_000  # milliseconds
EXPECTED = "Failed to load resource"  # what Chromium says of an answer such as 404, which the page is to bear

expect.set_options(timeout=PATIENCE)


class Window:
    """The page, open; ``trouble`` is what the console, the content policy or a foreign request said."""

    def __init__(self, context: BrowserContext, busy: Busy) -> None:
        self.busy = busy
        self.trouble: list[str] = []
        self.context = context
        self.page: Page = context.new_page()
        self.page.on("console", self.hear)
        self.page.on("pageerror", lambda error: self.trouble.append(f"{error}"))
        self.page.on("request", lambda request: self.see(request.url))

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(EXPECTED):
            self.trouble.append(message.text)

    def see(self, url: str) -> None:
        if not f"{url}/".startswith(self.busy.url):
            self.trouble.append(f"a request to {url}")

    def go(self, page: str, name: str = "", **query: str) -> Page:
        """Go to a page, or to that of one thing."""
        where = f"{page}/{quote(name, safe='')}" if name else page
        search = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
        self.page.goto(f"{self.busy.url}#/{where}{'?' if search else ''}{search}")
        return self.page

    def press(self, button: str, within: Locator | None = None) -> None:
        (within or self.page.locator("main")).get_by_role("button", name=button, exact=True).click()

    def choose(self, label: str, item: str) -> None:
        """Choose from a menu."""
        self.page.get_by_role("button", name=label, exact=True).click()
        self.page.get_by_role("menuitem", name=item, exact=True).click()

    def answer(self, button: str, **values: str) -> None:
        """Fill the fields of the dialog, by their names, and press a button of it."""
        dialog = self.page.get_by_role("dialog")
        for name, value in values.items():
            field = dialog.locator(f"[name={name}]")
            if field.evaluate("element => element.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        self.press(button, dialog)

    def row(self, text: str) -> Locator:
        """The row of a list with a text."""
        return self.page.locator("tr[data-row]", has_text=text)

    def sees(self, text: str) -> None:
        expect(self.page.locator("main")).to_contain_text(text)

    def is_told(self, text: str) -> None:
        """What happened is said in a corner."""
        expect(self.page.locator(".toast", has_text=text).first).to_be_visible()

    def is_at(self, title: str) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    def close(self) -> None:
        self.page.close()


def call(busy: Busy, method: str, path: str, **body: object) -> dict[str, Any]:
    """Ask the API, as a program would."""
    data = json.dumps(body).encode() if body else None
    request = Request(f"{busy.url}api/v1/{path}", data, {"Content-Type": "application/json"}, method=method)
    with urlopen(request, timeout=PATIENCE / 1000) as answer:
        return cast(dict[str, Any], json.loads(answer.read() or b"{}"))


def submitted(busy: Busy, function: str, workload: str = "", **fields: object) -> str:
    """The handle of a new background job."""
    answer = call(busy, "POST", "jobs", function=function, workload=workload, **fields)
    return cast(str, answer["handle"])
