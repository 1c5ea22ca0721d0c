"""What a peer chose is shown, and neither obeyed nor hidden."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.printable import printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("resize", "resize"),
        ("größer 日本 😀", "größer 日本 😀"),
        ("App\\Job", "App\\Job"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("\x1b]52;c;UFdORUQ=\x07", r"\x1b]52;c;UFdORUQ=\x07"),
        ("\x9b31mred\x7f", r"\x9b31mred\x7f"),
        ("a\tb\r\nc\0", r"a\tb\r\nc\x00"),
        ("invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
        ("\u200e\u200f\u061c\u2066x\u2069", r"\u200e\u200f\u061c\u2066x\u2069"),
        ("a\u200bb\u200dc\ufeff\u2060", r"a\u200bb\u200dc\ufeff\u2060"),
        ("a\u2028b\u2029c\x85", r"a\u2028b\u2029c\x85"),
        ("a\xa0b\u3000c\xad", r"a\xa0b\u3000c\xad"),
        ("\ud800\udfff\udc00", r"\ud800\udfff\udc00"),
        ("\U000e0041\ufff9\ue000", r"\U000e0041\ufff9\ue000"),
        ("\u3164\ufe0f\u2800", r"\u3164\ufe0f\u2800"),
        (b"gr\xc3\xb6\xc3\x9fer \xff\x80", r"größer \xff\x80"),
        ("\udcff", r"\xff"),
        (b"", ""),
    ],
)
def test_what_a_terminal_would_obey_or_not_show_is_escaped(said: str | bytes, shown: str) -> None:
    assert printable(said) == shown


@pytest.mark.parametrize(
    ("said", "limit", "shown"),
    [
        ("abcd", 4, "abcd"),
        ("abcde", 4, "abcd..."),
        (b"abcde", 4, "abcd..."),
        ("ab\x1bde", 3, r"ab\x1b..."),
        ("aéé", 3, "aé..."),
        ("aéé".encode(), 4, "aé..."),
        ("aéé".encode(), 5, "aéé"),
        (b"\xff\xfe\xfd", 2, r"\xff\xfe..."),
        (b"x" * 10_000_000, 3, "xxx..."),
    ],
)
def test_a_long_text_is_cut_at_a_whole_character(said: str | bytes, limit: int, shown: str) -> None:
    assert printable(said, limit) == shown


def test_lines_may_stay_lines() -> None:
    assert printable("Traceback:\n\tin f\r\n\x1b[2J", lines=True) == "Traceback:\n\tin f\\r\n\\x1b[2J"


@given(st.one_of(st.text(), st.binary()), st.integers(0, 20))
def test_no_text_has_anything_that_is_not_to_be_seen(said: str | bytes, limit: int) -> None:
    shown = printable(said, limit)
    assert shown.isprintable()
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    shown.encode()
