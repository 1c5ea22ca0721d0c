"""What docs/guarantees.md promises is shown by the tests that it names."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "guarantees.md"


def test_every_promise_names_tests_that_exist() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`([a-z_/]+\.py)::(\w+)`", row)
        assert named, f"no test shows: {row}"
        for file, name in named:
            assert f"def {name}(" in (TESTS / file).read_text(), f"{file} has no {name}"
