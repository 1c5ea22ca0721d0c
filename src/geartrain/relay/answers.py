"""What is in the answers of shards to a text line, and in the line."""

from __future__ import annotations

import json
from typing import Final

from geartrain.broker.answers import END

Row = dict[str, object]

REFUSAL: Final = b"ERR "


def word(words: list[bytes], position: int) -> bytes:
    """A word of a line; empty where there is none."""
    return words[position] if len(words) > position else b""


def refusal(answers: list[bytes]) -> bytes:
    """The first answer that refuses; empty where none does."""
    for answer in answers:
        if is_refusal(answer):
            return answer
    return b""


def is_refusal(answer: bytes) -> bool:
    """Whether an answer is an ERR line, and not a list that begins with a name like one."""
    return answer.startswith(REFUSAL) and not answer.endswith(END)


def lines_of(answer: bytes) -> list[bytes]:
    """The lines of a list; none of what is none."""
    return answer.split(b"\n")[:-2] if answer.endswith(END) else []


def rows_of(answers: list[bytes]) -> list[Row]:
    """The JSON objects of answers."""
    return [json.loads(line) for answer in answers for line in lines_of(answer)]


def sorted_rows(rows: list[Row], field: str) -> list[Row]:
    """Rows by a field of theirs, those that are alike in their order."""
    places = sorted([(comparable(row[field]), place) for place, row in enumerate(rows)])
    return [rows[place] for _, place in places]


def comparable(value: object) -> tuple[float, str]:
    """A number or a text, so that it can be sorted by."""
    return (float(value), "") if isinstance(value, (int, float)) else (0.0, str(value))
