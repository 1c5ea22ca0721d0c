"""Has the web page open, as long as its input is: ``python -m bench.programs.readers draw|watch|ask URL PAGES``.

With ``draw`` real browsers draw what they get, on the processors of this machine. With ``watch`` they are closed after
a while, and what they asked for is printed; with ``ask`` that is read again, and asked for again and again at the same
pace, and read, but not drawn: as if the browsers were on other machines. All that gives way to everything else here.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections import defaultdict
from contextlib import closing
from http.client import HTTPConnection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Request, sync_playwright

PAGES: Final = ("#/", "#/jobs", "#/functions", "#/workers", "#/events")
SETTLE: Final = 2.0  # seconds until a page asks only for what is new
TIME: Final = 6.0  # seconds for which a page is watched
STREAM: Final = "text/event-stream"
PIECE: Final = 64 * 1024  # bytes


class Asked(NamedTuple):
    """What a page asked for while it was watched."""

    path: str
    headers: dict[str, str]
    pause: float  # seconds between two times; a stream does not end


def main() -> None:
    way, url, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    if way == "ask":
        threading.excepthook = end_all
        for one in json.loads(sys.stdin.readline()):
            threading.Thread(target=ask, args=(urlsplit(url).netloc, Asked(*one)), daemon=True).start()
        wait()
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        watches = [Watch(browser, url + PAGES[turn % len(PAGES)]) for turn in range(number)]
        if way == "watch":
            watches[0].page.wait_for_timeout(1000 * (SETTLE + TIME))
            print(json.dumps([asked for watch in watches for asked in watch.seen()]), flush=True)
        else:
            wait()


def end_all(failure: threading.ExceptHookArgs) -> None:
    """End with an error where one of the readers does."""
    threading.__excepthook__(failure)
    os._exit(1)


def wait() -> None:
    """Say that the pages are open, until there is no more input."""
    print("open", flush=True)
    sys.stdin.read()


class Watch:
    """A page that is open, and what it asks for."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.page = browser.new_page()
        self.requests: list[tuple[float, Request]] = []
        self.page.on("request", lambda request: self.requests.append((time.monotonic(), request)))
        self.page.goto(url)
        self.page.wait_for_load_state("load")

    def seen(self) -> list[Asked]:
        """What it asked for in the last seconds, and the streams that it has had since the beginning."""
        since = time.monotonic() - TIME
        times: dict[str, int] = defaultdict(int)
        headers: dict[str, dict[str, str]] = {}
        for at, request in self.requests:
            parts = urlsplit(request.url)
            path = f"{parts.path}?{parts.query}"
            if at > since or request.headers.get("accept") == STREAM:
                times[path] += 1
                headers[path] = request.all_headers()
        return [Asked(path, headers[path], TIME / count) for path, count in times.items()]


def ask(place: str, asked: Asked) -> None:
    """Ask for something and read it, for ever."""
    connection = HTTPConnection(place)
    while True:
        connection.request("GET", asked.path, headers=asked.headers)
        with closing(connection.getresponse()) as answer:
            if answer.status != 200:
                raise RuntimeError(f"GET {asked.path} is answered with {answer.status}")
            while answer.read1(PIECE):
                pass
        time.sleep(asked.pause)


if __name__ == "__main__":
    main()
