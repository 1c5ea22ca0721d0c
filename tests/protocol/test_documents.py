"""JSON and numbers of peers: whatever comes, the answer is a value within bounds or a ValueError."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.protocol.documents import MOST_LEVELS, read_json, read_object
from geartrain.protocol.numbers import LARGEST, count, whole


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("[" * 7900, "expected at most 32 levels of lists and objects"),
        ('{"a":' * 600, "expected at most 32 levels|Expecting value"),
        ("[" * 100_000 + "]" * 100_000, "expected at most 32 levels of lists and objects"),
        ("[" * 34 + "]" * 34, "expected at most 32 levels of lists and objects"),
        ("9" * 5000, "4300 digits"),
        ("9" * 400, f"expected numbers from -{LARGEST} to {LARGEST}"),
        ('{"every":' + "9" * 20 + "}", f"expected numbers from -{LARGEST} to {LARGEST}"),
        ("[-1e400]", f"expected numbers from -{LARGEST} to {LARGEST}"),
        ("NaN", "NaN is no number of JSON"),
        ('{"a":[-Infinity]}', "-Infinity is no number of JSON"),
        (b"\xff", "invalid|decode"),
        ("", "Expecting value"),
        ('"' + "x" * 2_000_000 + '"', "2000002 bytes, expected at most 1048576"),
    ],
)
def test_json_beyond_the_bounds_is_refused_with_its_reason(said: str | bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_json(said)


def test_json_within_the_bounds_is_read() -> None:
    deep = "[" * MOST_LEVELS + "]" * MOST_LEVELS

    assert read_json('{"a": [1, 2.5, "[[[[", null, true]}') == {"a": [1, 2.5, "[[[[", None, True]}
    assert json.dumps(read_json(deep)) == deep
    assert read_json(str(LARGEST)) == LARGEST


def test_an_object_is_wanted_where_one_is() -> None:
    with pytest.raises(ValueError, match="expected an object"):
        read_object("[]")


@given(st.text(st.sampled_from('[]{}:,"\\ 0123456789.eE-+NaInfity'), max_size=200))
def test_no_text_brings_more_than_a_value_error(said: str) -> None:
    try:
        value = read_json(said)
    except ValueError:
        return
    assert json.dumps(value)


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        (b"0", 0),
        (b"12", 12),
        (b"2.9", 2),
        (b"-3", 0),
        (b"", 0),
        (b"many", 0),
        (b"nan", 0),
        (b"inf", LARGEST),
        (b"-inf", 0),
        (b"1e999", LARGEST),
        (b"9" * 18, 10**18 - 1),
        (b"9" * 19, LARGEST),
        (b"9" * 5000, LARGEST),
    ],
)
def test_a_number_of_a_status_is_what_it_can_be(digits: bytes, number: int) -> None:
    assert count(digits) == number


@pytest.mark.parametrize("digits", [b"", b"-1", b"1.0", b"9" * 19, "9" * 5000, "²", "٣"])
def test_what_is_no_whole_number_is_refused_and_shown_in_part(digits: str | bytes) -> None:
    with pytest.raises(ValueError, match="expected a whole number of at most 18 digits") as refused:
        whole(digits)

    assert len(str(refused.value)) < 120
