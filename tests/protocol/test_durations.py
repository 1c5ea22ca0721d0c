"""Spans of time as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.protocol.durations import LONGEST, UNITS, seconds_of, whole_or_part


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0.0),
        (90, 90.0),
        (0.5, 0.5),
        (LONGEST, LONGEST),
        ("90", 90.0),
        (" 1.5 ", 1.5),
        (".5", 0.5),
        ("500ms", 0.5),
        ("90s", 90.0),
        ("1.5m", 90.0),
        ("5m", 300.0),
        ("2h", 7200.0),
        ("1h30m", 5400.0),
        ("1d2h3m4s5ms", 93784.005),
        ("7d", 604800.0),
        ("1w", 604800.0),
    ],
)
def test_a_span_is_read_in_seconds(given: object, seconds: float) -> None:
    assert seconds_of(given) == seconds


@pytest.mark.parametrize(
    "given",
    [
        *("", " ", "m", "5 m", "5m1h", "5m5m", "1h30", "5M", "5y", "-5", "+5", "1e3", "1_000", "0x10", "inf"),
        *("nan", "soon", "\u0665m", "9999999999999d", "9" * 5000),
        *(-1, -0.1, float("inf"), float("nan"), True, None, [5], b"5m", 10**400, LONGEST + 1e6),
    ],
)
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(
        ValueError, match="expected a number of seconds from 0 up, or a time such as 15m or 1h30m"
    ):
        seconds_of(given)


@given(st.lists(st.integers(0, 99), min_size=len(UNITS), max_size=len(UNITS)))
def test_a_text_of_all_units_is_their_sum(numbers: list[int]) -> None:
    text = "".join([f"{number}{unit}" for number, unit in zip(numbers, UNITS, strict=True)])
    assert seconds_of(text) == pytest.approx(
        sum(number * size for number, size in zip(numbers, UNITS.values(), strict=True))
    )


def test_a_whole_number_has_no_fraction() -> None:
    assert [repr(whole_or_part(seconds)) for seconds in (5.0, 0.5)] == ["5", "0.5"]
