"""Draw the pages of a busy server as ``images/page-*.png``.

    python -m docs.draw_page

It starts a server, workers and clients, lets them work for some minutes, so that there is a history, and looks at
each page with Chromium.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.support.busy import Busy, busy_server
from tests.support.machine import require
from tests.web.browser.window import call, submitted

PICTURES: Final = Path(__file__).parent / "images"
WARM_UP: Final = 240  # seconds
DRAW: Final = 4000  # milliseconds that a page gets

Theme = Literal["light", "dark"]


class Picture(NamedTuple):
    """What is to be drawn."""

    name: str
    where: str
    theme: Theme = "light"
    width: int = 1280
    height: int = 860


def main() -> None:
    """Draw all pictures anew."""
    with busy_server() as busy, sync_playwright() as playwright:
        time.sleep(WARM_UP)
        browser = playwright.chromium.launch(executable_path=require("chromium"), args=["--no-sandbox"])
        for picture in pictures(busy):
            draw(browser, busy, picture)
        browser.close()


def pictures(busy: Busy) -> Iterator[Picture]:
    yield Picture("overview", "overview")
    yield Picture("overview-dark", "overview", "dark")
    yield Picture("functions", "functions")
    yield Picture("function", "functions/thumbnail", height=1120)
    yield Picture("jobs", "jobs?function=geocode&older_than=1m")
    yield Picture("job", f"jobs/{running_job(busy)}", height=1000)
    yield Picture("workers", "workers")
    add_schedules(busy)
    yield Picture("schedules", "schedules", height=420)
    yield Picture("dead", "dead")
    yield Picture("pool", "pool", height=600)
    yield Picture("events", "events", "dark", height=760)
    yield Picture("submit", "submit?function=thumbnail", height=620)
    yield Picture("phone-overview", "overview", "dark", 390, 844)
    yield Picture("phone-functions", "functions", "light", 390, 844)
    yield Picture("phone-job", f"jobs/{running_job(busy)}", "light", 390, 844)


def running_job(busy: Busy) -> str:
    """A job that shows its progress."""
    submitted(
        busy, "video_transcode", '{"video": "holiday.mp4", "codec": "av1", "passes": [1, 2]}', priority="high"
    )
    while True:
        jobs = call(busy, "GET", "jobs?function=video_transcode&state=running")["jobs"]
        fresh = [job["handle"] for job in jobs if 0 < job["numerator"] < 12]
        if fresh:
            return str(fresh[0])
        time.sleep(0.2)


def add_schedules(busy: Busy) -> None:
    call(busy, "PUT", "schedules/reindex", function="search_reindex", every="5m", unique="reindex")
    call(
        busy,
        "PUT",
        "schedules/newsletter",
        function="send_mail",
        cron="0 9 * * MON",
        timezone="America/New_York",
    )
    call(busy, "POST", "schedules/reindex/run")


def draw(browser: Browser, busy: Busy, picture: Picture) -> None:
    """Write a picture, as small as it can be."""
    size: ViewportSize = {"width": picture.width, "height": picture.height}
    context = browser.new_context(color_scheme=picture.theme, viewport=size)
    page = context.new_page()
    page.goto(f"{busy.url}#/{picture.where}")
    page.wait_for_timeout(DRAW)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(PICTURES / f"page-{picture.name}.png", optimize=True)
    context.close()


if __name__ == "__main__":
    main()
