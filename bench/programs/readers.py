"""Opens the web page in browsers and looks at it until its input ends: ``python -m bench.programs.readers URL PAGES``.

The browsers give way to everything else on the machine, as if they were on another one.
"""

from __future__ import annotations

import os
import shutil
import sys

from playwright.sync_api import sync_playwright

OVERVIEW, LISTS = "#/", ("#/jobs", "#/functions", "#/workers", "#/events")


def main() -> None:
    url, number = sys.argv[1], int(sys.argv[2])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for turn in range(number):
            page = browser.new_page()
            page.goto(url + (OVERVIEW if turn == 0 else LISTS[(turn - 1) % len(LISTS)]))
            page.wait_for_load_state("load")
        print("open", flush=True)
        sys.stdin.read()
        browser.close()


if __name__ == "__main__":
    main()
