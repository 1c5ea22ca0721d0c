"""The questions that only our own server knows."""

from __future__ import annotations

from geartrain.protocol import control


def test_json_is_one_word_of_a_line() -> None:
    query = control.set_policy("f", {"retry": {"on": ["a b", "caf\u00e9"]}})
    assert query.line == 'policy f {"retry":{"on":["a\\u0020b","caf\\u00e9"]}}'
    assert (query.listing, query.ours) == (True, True)


def test_an_age_is_written_in_digits() -> None:
    assert control.purge("*", 1e10).line == "purge * 10000000000.000000"


def test_answers_are_read() -> None:
    assert control.as_row([]) is None
    assert control.as_handle([]) is None
    assert control.as_handle(['{"handle": "H:1"}']) == "H:1"
    assert control.as_policy(['{"function": "f", "policy": {"ttl": 60}}']) == {"ttl": 60}
    assert control.as_cancelled(['{"function": "f", "cancelled": 3}']) == 3
