"""Durations, in buckets."""

from __future__ import annotations

from geartrain.store.durations import BOUNDS, Durations


def test_a_duration_is_in_the_first_bucket_whose_bound_it_does_not_pass() -> None:
    durations = Durations()
    for seconds in (0.0, BOUNDS[0], 0.002, 0.0025, 10.0, 10.1, 3600.0):
        durations.add(seconds)
    found = {bound: count for bound, count in zip((*BOUNDS, "more"), durations.counts, strict=True) if count}
    assert found == {0.0001: 2, 0.0025: 2, 10.0: 1, "more": 2}
    assert durations.last == 3600.0
    assert round(durations.seconds, 4) == 3620.1046


def test_bounds_go_up() -> None:
    assert sorted(set(BOUNDS)) == list(BOUNDS)
