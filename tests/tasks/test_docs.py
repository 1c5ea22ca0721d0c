"""``docs/tasks.md`` says what is true: its code runs."""

from __future__ import annotations

import re
import types
from pathlib import Path

from geartrain.testing import bind

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_code_of_the_page_runs() -> None:
    definitions, calls, tests = BLOCK.findall(PAGE.read_text())
    shop = types.ModuleType("shop")
    exec(definitions, vars(shop))
    with bind(shop.app):
        exec(calls, vars(shop))
    exec(tests, vars(shop))
    names = [name for name in vars(shop) if name.startswith("test_")]
    assert len(names) == 3
    for name in names:
        vars(shop)[name]()
