"""What an operator may write of a function, and which of several entries holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from geartrain.broker.policy import Policies, Policy
from geartrain.errors import SettingsError


def of_file(**sections: Mapping[str, object]) -> Policies:
    policies = Policies()
    policies.configure(sections)
    return policies


def policy_of(fields: dict[str, object]) -> Policy | None:
    return of_file(f=fields).of(b"f")


def test_where_nothing_is_said_a_function_has_no_policy() -> None:
    policies = of_file(g={"paused": True})
    assert policies.of(b"f") is None
    assert policies.fields(b"f") == {}


def test_what_is_said_may_be_what_holds_anyway() -> None:
    assert policy_of({"rate": "0/s", "retry": {"on": ["timeout", "lost"]}, "max_queue": 0}) is None


@pytest.mark.parametrize(
    ("fields", "policy"),
    [
        ({"retry": {"attempts": 5}}, Policy(attempts=5, dead_letter=True)),
        ({"retry": {"attempts": 5}, "dead_letter": False}, Policy(attempts=5, dead_letter=False)),
        ({"dead_letter": True}, Policy(dead_letter=True)),
        ({"retry": {"on": ["fail", "lost"]}}, Policy(on=frozenset({"fail", "lost"}))),
        ({"retry": {"delay": 2, "backoff": "exponential"}}, Policy(delay=2.0, factor=2.0)),
        ({"retry": {"max_delay": 60, "jitter": 0.5}}, Policy(max_delay=60.0, jitter=0.5)),
        ({"retry": {"foreground": True}}, Policy(foreground=True)),
        ({"timeout": 1.5, "on_timeout": "fail"}, Policy(timeout=1.5, on=frozenset({"lost"}))),
        (
            {"retry": {"on": ["fail"]}, "on_timeout": "requeue"},
            Policy(on=frozenset({"fail", "timeout"})),
        ),
        ({"ttl": 3600, "max_running": 4, "keep_result": 60}, Policy(ttl=3600, max_running=4, keep_result=60)),
        ({"rate": "10/s"}, Policy(rate=10.0)),
        ({"rate": "90/m"}, Policy(rate=1.5)),
        ({"rate": "900/h"}, Policy(rate=0.25)),
        ({"rate": "0.5/s"}, Policy(rate=0.5)),
        ({"paused": True, "draining": True}, Policy(paused=True, draining=True)),
        ({"max_queue": 1000}, Policy(max_queue=(1000, 1000, 1000))),
        ({"max_queue": {"high": 1, "low": 3}}, Policy(max_queue=(1, 0, 3))),
    ],
)
def test_a_field_is_taken_as_it_is_written(fields: dict[str, object], policy: Policy) -> None:
    assert policy_of(fields) == policy


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"timeuot": 5}, "there is no key 'timeuot' (its value is 5); expected perhaps timeout"),
        ({"attempts": 5}, "there is no key 'attempts' (its value is 5); expected perhaps retry.attempts"),
        (
            {"retry": {"atempts": 5}},
            "there is no key 'retry.atempts' (its value is 5); expected perhaps retry.attempts",
        ),
        (
            {"colour": "red"},
            "there is no key 'colour' (its value is 'red'); expected a field of a function's policy",
        ),
        ({"retry": 5}, "retry wants a table such as { attempts = 5 }, got 5"),
        (
            {"max_queue": "many"},
            "max_queue wants a number from 0 up, or a table such as { high = 10, normal = 20 }, got 'many'",
        ),
        ({"max_queue": {"low": -1}}, "max_queue.low wants a number from 0 up, got -1"),
        ({"max_running": 1.5}, "max_running wants a number from 0 up, got 1.5"),
        ({"max_running": True}, "max_running wants a number from 0 up, got True"),
        (
            {"timeout": "1x"},
            "timeout wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got '1x'",
        ),
        (
            {"ttl": float("inf")},
            "ttl wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got inf",
        ),
        (
            {"ttl": float("nan")},
            "ttl wants a number of seconds from 0 up, or a time such as 15m or 1h30m, got nan",
        ),
        ({"retry": {"jitter": 1.1}}, "retry.jitter wants a number from 0 to 1, got 1.1"),
        (
            {"retry": {"on": ["error"]}},
            "retry.on wants a list of lost, timeout, fail, exception, got ['error']",
        ),
        (
            {"retry": {"on": "fail"}},
            "retry.on wants a list of lost, timeout, fail, exception, got 'fail'",
        ),
        ({"retry": {"backoff": "linear"}}, "retry.backoff wants fixed or exponential, got 'linear'"),
        ({"on_timeout": ["fail"]}, "on_timeout wants requeue or fail, got ['fail']"),
        ({"rate": 10}, "rate wants a text such as 10/s, 100/m or 1000/h, got 10"),
        ({"rate": "10/d"}, "rate wants a text such as 10/s, 100/m or 1000/h, got '10/d'"),
        ({"paused": "yes"}, "paused wants true or false, got 'yes'"),
    ],
)
def test_what_cannot_be_is_refused_by_its_section_key_and_value(
    fields: dict[str, object], message: str
) -> None:
    policies = of_file(f={"ttl": 1})
    for action in (policies.configure, lambda sections: policies.set("f", sections["f"])):
        with pytest.raises(SettingsError) as refusal:
            action({"f": fields})
        assert str(refusal.value) in (f'[functions."f"] {message}', f'[functions."f"]: {message}')
    assert policies.of(b"f") == Policy(ttl=1.0)


@pytest.mark.parametrize("sections", [{"": {}}, {"f": 5}])
def test_a_section_has_a_name_and_is_a_table(sections: Any) -> None:
    with pytest.raises(SettingsError):
        Policies().configure(sections)


# Which entry holds


def test_later_entries_win_field_by_field() -> None:
    policies = Policies()
    policies.configure(
        {
            "thumbnail": {"ttl": 1},
            "thumb*": {"ttl": 2, "timeout": 2, "retry": {"attempts": 2, "delay": 2}},
            "*": {"ttl": 3, "timeout": 3, "max_running": 3},
        }
    )
    policies.set("thumbnail", {"retry": {"attempts": 4}})
    assert policies.fields(b"thumbnail") == {
        "retry": {"attempts": 4, "delay": 2},
        "timeout": 3,
        "ttl": 1,
        "max_running": 3,
    }


def test_what_was_set_at_run_time_for_a_wildcard_gives_way_to_what_was_set_for_the_name() -> None:
    policies = of_file(thumbnail={"ttl": 1, "timeout": 1, "max_running": 1})
    policies.set("thumbnail", {"ttl": 2})
    policies.set("thumb*", {"ttl": 3, "timeout": 3})
    assert policies.fields(b"thumbnail") == {"timeout": 3, "ttl": 2, "max_running": 1}


def test_a_field_that_is_set_to_none_is_the_files_again() -> None:
    policies = of_file(f={"ttl": 1, "retry": {"attempts": 1, "delay": 1}})
    policies.set("f", {"ttl": 2, "retry": {"attempts": 2, "delay": 2}, "max_queue": 5})
    policies.set("f", {"ttl": None, "retry": {"delay": None}, "max_queue": None})
    assert policies.fields(b"f") == {"retry": {"attempts": 2, "delay": 1}, "ttl": 1}
    assert policies.at_run_time("f") == {"retry": {"attempts": 2}}
    policies.set("f", {"retry": None})
    assert policies.at_run_time("f") == {}


def test_a_new_file_leaves_what_was_set_at_run_time() -> None:
    policies = of_file(f={"ttl": 1})
    policies.set("f", {"timeout": 2})
    policies.configure({"f": {"max_running": 3}})
    assert policies.fields(b"f") == {"timeout": 2, "max_running": 3}


def test_wildcards_mind_the_case_and_a_name_is_itself_whatever_signs_are_in_it() -> None:
    policies = of_file(**{"Thumb?": {"ttl": 1}, "a[1]": {"ttl": 2}})
    assert policies.fields(b"Thumb1") == {"ttl": 1}
    assert policies.fields(b"thumb1") == {}
    assert policies.fields(b"a[1]") == policies.fields(b"a1") == {"ttl": 2}


def test_a_name_that_is_no_text_is_written_with_its_odd_bytes_escaped() -> None:
    assert of_file(**{"caf\\xe9": {"ttl": 1}}).fields(b"caf\xe9") == {"ttl": 1}


def test_what_holds_can_be_given_as_it_is_shown() -> None:
    policies = of_file(
        f={"retry": {"on": ["fail"], "foreground": True}, "max_queue": 7, "on_timeout": "fail"}
    )
    shown = policies.fields(b"f")
    assert of_file(f=shown).of(b"f") == policies.of(b"f")
