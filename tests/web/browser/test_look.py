"""Every page on a phone and on a desk, light and dark: nothing too wide, nothing too faint."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.busy import Busy
from tests.web.browser.conftest import OpenWindow, Theme
from tests.web.browser.window import submitted

PAGES = (
    *("overview", "functions", "functions/thumbnail", "jobs", "job", "workers"),
    *("schedules", "dead", "pool", "events", "submit"),
)

# Texts whose contrast to what is behind them is less than WCAG asks for.
FAINT = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = (above, below) =>
    [0, 1, 2].map((index) => above[index] * above[3] + below[index] * (1 - above[3])).concat(1);
  const behind = (element) => {
    const own = rgba(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, element.parentElement ? behind(element.parentElement) : [255, 255, 255, 1]);
  };
  const light = (color) => {
    const [red, green, blue] = color.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join('');
    if (!text || !element.checkVisibility({ visibilityProperty: true }) || element.closest(':disabled')) continue;
    const ground = behind(element);
    const ink = over(rgba(getComputedStyle(element).color), ground);
    const [dark, bright] = [light(ink), light(ground)].sort((one, other) => one - other);
    const contrast = (bright + 0.05) / (dark + 0.05);
    if (contrast < 4.5) faint.push(`${text.slice(0, 30)}: ${contrast.toFixed(2)}`);
  }
  return [...new Set(faint)];
}"""

# What has no name for those who do not see it.
NAMELESS = """() => [...document.querySelectorAll('button, a[href], input, select, textarea')]
  .filter((element) => element.checkVisibility({ visibilityProperty: true }))
  .filter((element) => !(element.ariaLabel || element.innerText?.trim() || element.labels?.length))
  .map((element) => element.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(("width", "theme"), [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")])
def test_every_page_fits_and_can_be_read(
    open_window: OpenWindow, busy: Busy, width: int, theme: Theme
) -> None:
    window = open_window(width, theme)
    handle = submitted(busy, "geocode", '{"a": [1, true, null, "text"]}')
    for name in PAGES:
        page = window.go("jobs", handle) if name == "job" else window.go(*name.split("/"))
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.wait_for_timeout(350)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} is too wide"
        assert found(page.evaluate(FAINT)) == [], f"{name} has texts that are too faint"
        assert found(page.evaluate(NAMELESS)) == [], f"{name} has controls without a name"


def found(what: Any) -> list[str]:
    assert isinstance(what, list)
    return what


def test_on_a_phone_the_navigation_is_a_menu(open_window: OpenWindow) -> None:
    window = open_window(390)
    page = window.go("overview")
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Workers")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Workers").click()
    window.is_at("Workers")
    expect(page.get_by_role("navigation", name="Pages")).to_be_hidden()
