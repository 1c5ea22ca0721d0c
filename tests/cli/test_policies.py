"""``geartrain functions set``, ``show``, ``pause``, ``resume``, ``drain`` and ``purge``."""

from __future__ import annotations

import pytest

from geartrain.broker.policy_fields import FIELDS
from tests.cli.program import Shop
from tests.cli.test_functions import row_of


def shown(shop: Shop, function: str) -> dict[str, str]:
    """What ``functions show`` says, by the names of the fields."""
    lines = shop.run("functions", "show", function).stdout.splitlines()
    return dict(line.split("  ", 1) for line in lines)


def test_fields_are_set_shown_and_taken_back(shop: Shop) -> None:
    given = ["retry.attempts=5", "retry.on=lost,fail", "timeout=1.5", "ttl=2h", "rate=10/s", "max_queue=7"]
    done = shop.run("functions", "set", "policed", *given)
    holds = "max_queue.high=7 max_queue.normal=7 max_queue.low=7"
    said = f"policed: retry.attempts=5 retry.on=lost,fail timeout=1.5 ttl=7200 rate=10/s {holds}"
    assert done.stdout == f"{said} on {shop.server.address}\n"
    lines = {name: value.strip() for name, value in shown(shop, "policed").items()}
    assert lines["retry.on"] == "lost,fail (set at run time)"
    (row,) = shop.run("functions", "set", "policed", "retry=", "timeout=default", "max_queue=", "--json").rows
    assert row == {
        "server": shop.server.address,
        "function": "policed",
        "policy": {"ttl": 7200, "rate": "10/s"},
        "set": {"ttl": 7200, "rate": "10/s"},
    }
    assert shop.run("functions", "set", "policed", "ttl=", "rate=").stdout.startswith(
        "policed: no policy on "
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("timeout", "'timeout' sets nothing; expected KEY=VALUE, such as timeout=60"),
        (
            "timeout=soon",
            "functions set timeout wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got 'soon'",
        ),
        ("retry.attempts=-1", "functions set retry.attempts wants a number from 0 up, got '-1'"),
        ("retry.jitter=2", "functions set retry.jitter wants a number from 0 to 1, got 2.0"),
        ("paused=maybe", "functions set paused wants true or false, got 'maybe'"),
        (
            "attempts=5",
            "functions set: there is no key 'attempts' (its value is 5); expected perhaps retry.attempts",
        ),
    ],
)
def test_a_field_that_cannot_be_is_wrong_usage(shop: Shop, given: str, message: str) -> None:
    ended = shop.run("functions", "set", "refused", given)
    assert (ended.status, ended.stdout, ended.stderr) == (2, "", f"geartrain: {message}\n")


def test_the_help_names_every_field(shop: Shop) -> None:
    told = shop.run("functions", "set", "--help").stdout
    assert [name for name in FIELDS if name.removeprefix("max_queue") not in told] == []


def test_functions_are_paused_drained_and_resumed(shop: Shop) -> None:
    where = f"on {shop.server.address}\n"
    shop.run("submit", "held", "x", "-b")
    shop.run("submit", "held-too", "x", "-b")
    paused = shop.run("functions", "pause", "held", "held-too")
    assert paused.stdout == f"held: paused {where}held-too: paused {where}"
    shop.run("functions", "drain", "held")
    (line,) = [line for line in shop.run("functions").stdout.splitlines() if line.startswith("held ")]
    assert line.split()[:4] == ["held", "paused", "draining", "0/1/0"]
    refused = shop.run("submit", "held", "x", "-b")
    assert refused.status == 1
    assert "QUEUE_ERROR" in refused.stderr
    assert shop.run("functions", "resume", "held").stdout == f"held: resumed {where}"
    row = row_of(shop, "held")
    assert (row["paused"], row["draining"], row["policy"]) == (False, False, {})


def test_what_no_function_is_named_is_neither_shown_nor_paused(shop: Shop) -> None:
    shown = shop.run("functions", "show", "nosuch")
    assert (shown.status, shown.stdout) == (1, "")
    assert shown.stderr == "geartrain: no server knows the function 'nosuch', and no policy is set for it\n"
    shop.run("functions", "create", "known")
    for verb in ("pause", "resume", "drain"):
        changed = shop.run("functions", verb, "nosuch", "known")
        assert (changed.status, changed.stdout.count("\n")) == (1, 1)
        assert changed.stderr.startswith(
            "geartrain: no server knows the function 'nosuch'; geartrain functions set"
        )
        assert changed.stderr.count("\n") == 1
    assert row_of(shop, "nosuch") is None
    assert shop.run("functions", "show", "nosuch").status == 1


def test_a_function_is_paused_in_advance_by_its_policy(shop: Shop) -> None:
    assert shop.run("functions", "set", "coming", "paused=true").status == 0
    assert "paused    true (set at run time)" in shop.run("functions", "show", "coming").stdout
    assert shop.run("functions", "resume", "coming").status == 0


def test_a_purge_says_how_many_jobs_it_cancelled(shop: Shop) -> None:
    for _ in range(2):
        shop.run("submit", "purged", "x", "-b")
    where = f"cancelled on {shop.server.address}\n"
    old = shop.run("functions", "purge", "purged", "--older-than", "1h")
    assert old.stdout == f"purged: 0 jobs {where}"
    assert shop.run("functions", "purge", "purged").stdout == f"purged: 2 jobs {where}"
    wrong = shop.run("functions", "purge", "purged", "--older-than", "soon")
    assert (wrong.status, "'soon' is no duration" in wrong.stderr) == (2, True)


def test_a_c_server_has_no_policies(c_shop: Shop) -> None:
    for words in (["set", "f", "timeout=1"], ["show", "f"], ["pause", "f"], ["purge", "f"]):
        refused = c_shop.run("functions", *words)
        assert refused.status == 1
        assert "only Geartrain's own server does" in refused.stderr
