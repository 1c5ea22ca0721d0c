"""``docs/policies.md`` says what is true: the parser takes its examples, and it names every field and its default."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from geartrain.broker.policy import Policies
from geartrain.broker.policy_fields import FIELDS

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
ROWS = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_page_can_be_read_and_changes_something(example: str) -> None:
    sections = tomllib.loads(example)["functions"]
    policies = Policies()
    policies.configure(sections)
    for name in sections:
        assert policies.of(name.encode()) is not None


def test_the_first_example_is_as_the_page_says() -> None:
    policies = Policies()
    policies.configure(tomllib.loads(EXAMPLES[0])["functions"])
    assert policies.fields(b"thumbnail") == {
        "retry": {
            "attempts": 5,
            "on": ["lost", "timeout", "fail", "exception"],
            "backoff": "exponential",
            "delay": 2,
        },
        "timeout": 3600,
        "max_running": 4,
        "keep_result": 600,
    }


def test_the_page_has_an_example_of_every_field() -> None:
    given: set[str] = set()
    for example in EXAMPLES:
        policies = Policies()
        policies.configure(tomllib.loads(example)["functions"])
        for values in policies.file.values():
            given.update(values)
    assert given == set(FIELDS)


def test_the_page_names_every_field_and_its_default() -> None:
    assert list(ROWS) == list(FIELDS)
    for name, shown in ROWS.items():
        default = FIELDS[name].default
        if default not in (None, ""):  # which are said in words
            assert tomllib.loads(f"value = {shown.strip('`')}")["value"] == default
