"""How the page writes and reads numbers, times and sizes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.browser.window import Window

WRITTEN: dict[str, dict[Any, object]] = {
    "count": {0: "0", 1234: "1,234", 123_456: "123.5 k", 12_345_678: "12.3 M"},
    "rate": {0: "0", 0.25: "0.25", 3.42: "3.4", 1234: "1,234"},
    "bytes": {0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 20 * 1024 * 1024: "20 MiB"},
    "duration": {
        0: "0 s",
        0.00025: "0.25 ms",
        0.35: "350 ms",
        1.25: "1.3 s",
        12.4: "12 s",
        59.7: "1 min",
        185: "3 min 5 s",
        7800: "2 h 10 min",
        356_400: "4 d 3 h",
    },
    "secondsOf": {"": None, "90": 90, "5m": 300, "1h 30m": 5400, "2d": 172_800},
}


def said(window: Window, module: str, function: str, *values: object) -> Any:
    """What a function of a module of the page gives."""
    call = "async ([module, name, values]) => (await import(module))[name](...values)"
    return window.page.evaluate(call, [f"{window.busy.url}static/{module}", function, list(values)])


@pytest.mark.parametrize("function", WRITTEN)
def test_values_are_written_as_people_read_them(window: Window, function: str) -> None:
    window.go("overview")
    for value, text in WRITTEN[function].items():
        assert said(window, "format.js", function, value) == text, value


def test_rights_are_for_patterns_of_functions(window: Window) -> None:
    window.go("overview")
    matching = {
        "*": "any",
        "thumb*": "thumbnail",
        "job?": "job1",
        "[ab]c": "bc",
        "a.b": "a.b",
        "a+(b)": "a+(b)",
    }
    for pattern, name in matching.items():
        assert said(window, "session.js", "matches", pattern, name), pattern
    for pattern, name in {"thumb": "thumbnail", "a.b": "axb", "[!a]c": "ac", "job?": "job"}.items():
        assert not said(window, "session.js", "matches", pattern, name), pattern


def test_a_quantile_is_the_end_of_its_class(window: Window) -> None:
    window.go("overview")
    histogram = {"counts": [50, 40, 0, 10], "total": 100}
    quantiles = [said(window, "latency.js", "quantile", histogram, part) for part in (0.5, 0.9, 0.99)]
    assert quantiles == [0.001, 0.002, 0.008]
