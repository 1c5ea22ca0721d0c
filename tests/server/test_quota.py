"""How many refusals of an address the audit log takes."""

from __future__ import annotations

from geartrain.server.quota import MOST, MOST_ADDRESSES, OTHERS, PERIOD, Quota


def test_the_first_hundred_refusals_of_a_minute_are_told_and_the_rest_is_counted() -> None:
    quota = Quota()
    assert [quota.takes("10.1.1.1", 1000.0) for _ in range(MOST + 5)] == [True] * MOST + [False] * 5
    assert quota.takes("10.2.2.2", 1000.0)
    assert quota.left_out(1000.0 + PERIOD - 1) == []
    assert quota.left_out(1000.0 + PERIOD) == [("10.1.1.1", 5)]
    assert quota.left_out(1000.0 + PERIOD) == []
    assert quota.takes("10.1.1.1", 1000.0 + PERIOD)


def test_addresses_without_number_share_a_quota_in_the_end() -> None:
    quota = Quota()
    for number in range(MOST_ADDRESSES):
        assert quota.takes(str(number), 1000.0)
    assert [quota.takes(f"more-{number}", 1000.0) for number in range(MOST + 1)] == [True] * MOST + [False]
    assert len(quota.counts) == MOST_ADDRESSES + 1
    assert quota.left_out(1000.0 + PERIOD) == [(OTHERS, 1)]
