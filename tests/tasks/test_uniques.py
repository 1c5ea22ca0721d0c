"""Uniques made of a call's arguments."""

from __future__ import annotations

import pytest

from geartrain import SettingsError, Unique
from geartrain.tasks.parameters import Parameters
from geartrain.tasks.uniques import UniqueRule, Uniques


def resize(key: str, width: int = 200) -> None: ...


def unique(rule: UniqueRule, *args: object, **kwargs: object) -> str | Unique | None:
    return Uniques(Parameters("resize", resize, bind=False), rule).of(args, kwargs)


def test_a_template_takes_arguments_by_name_however_they_were_passed() -> None:
    template = "thumb:{key}:{width:04d}"
    assert unique(template, "a.png") == "thumb:a.png:0200"
    assert unique(template, width=64, key="a.png") == unique(template, "a.png", 64) == "thumb:a.png:0064"


def test_a_function_gets_the_arguments_of_the_call() -> None:
    assert unique(lambda key, width=1: f"{key}/{width}", "a.png", width=2) == "a.png/2"


def test_without_a_rule_the_client_makes_a_unique() -> None:
    assert unique(None, "a.png") is None
    assert unique(Unique.CONTENT, "a.png") is Unique.CONTENT


def test_a_long_unique_becomes_a_digest_that_every_server_keeps_whole() -> None:
    long = unique("thumb:{key}", "a" * 300)
    assert isinstance(long, str)
    assert len(long) == 32
    assert long == unique("thumb:{key}", "a" * 300) != unique("thumb:{key}", "a" * 301)


def test_a_unique_that_ends_in_a_number_is_left_as_it_is() -> None:
    assert unique("{key}", "backup~2") == "backup~2"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("thumb:{kye}", r"task resize: unique 'thumb:{kye}' names 'kye', expected a parameter of \(key"),
        ("thumb:{}", r"names '', expected a parameter"),
        ("thumb:{key", r"unique 'thumb:{key': expected '}'"),
    ],
)
def test_a_template_is_checked_when_the_task_is_made(template: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        unique(template)
