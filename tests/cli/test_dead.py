"""``geartrain dead``."""

from __future__ import annotations

import pytest

from tests.cli.program import Shop
from tests.support.machine import wait_until


def dead(shop: Shop, function: str) -> list[str]:
    """The handles of a function's dead letters."""
    return [row["handle"] for row in shop.run("dead", "-f", function, "--json").rows]


@pytest.fixture
def letters(shop: Shop) -> list[str]:
    """Two dead letters of ``mortal``."""
    shop.run("dead", "discard", "-f", "mortal")
    shop.run("functions", "set", "mortal", "dead_letter=true")
    handles = [shop.run("submit", "mortal", "caf\u00e9\n", "-b").stdout.strip() for _ in range(2)]
    with shop.worker("-f", "mortal", "--", "sh", "-c", "echo no >&2; exit 7"):
        wait_until(lambda: dead(shop, "mortal") == handles, "both jobs are dead")
    return handles


def test_dead_letters_are_listed_and_shown(shop: Shop, letters: list[str]) -> None:
    lines = [line.split() for line in shop.run("dead", "list", "-f", "mortal").stdout.splitlines()]
    assert lines[0] == ["HANDLE", "FUNCTION", "REASON", "ATTEMPTS", "AGE", "WORKER", "ERROR"]
    assert lines[1][:4] == [letters[0], "mortal", "exception", "1"]
    shown = dict(line.split(maxsplit=1) for line in shop.run("dead", "show", letters[0]).stdout.splitlines())
    assert (shown["reason"], shown["workload"]) == ("exception", "caf\u00e9\\n")
    assert dead(shop, "mortals") == []


def test_dead_letters_are_retried_and_discarded(shop: Shop, letters: list[str]) -> None:
    first, second = letters
    where = f"on {shop.server.address}\n"
    retried = shop.run("dead", "retry", first, "H:none:1")
    assert retried.stdout == f"{first}: 1 dead letter retried {where}"
    assert (retried.status, retried.stderr) == (1, "geartrain: no server has a dead letter of 'H:none:1'\n")
    assert [row["state"] for row in shop.run("jobs", "show", first, "--json").rows] == ["queued"]
    (row,) = shop.run("dead", "discard", "--function", "mortal", "--json").rows
    assert row == {"server": shop.server.address, "target": "mortal", "discarded": 1}
    assert dead(shop, "mortal") == []
    assert shop.run("dead", "show", second).status == 1
    shop.run("jobs", "cancel", first)


@pytest.mark.parametrize("words", [[], ["H:none:1", "--all"], ["--all", "-f", "mortal"]])
def test_what_is_to_be_retried_is_named_in_one_way(shop: Shop, words: list[str]) -> None:
    ended = shop.run("dead", "retry", *words)
    assert (ended.status, "expected HANDLEs, --function NAME or --all" in ended.stderr) == (2, True)
