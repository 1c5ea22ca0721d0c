"""The forecast for more machines follows from the costs of a job, by arithmetic that a reader can do again."""

from __future__ import annotations

from pathlib import Path

from bench.forecast import ENGINE, SERVER, Costs, Setup, costs_of, forecast, on_cluster
from bench.forecast_report import check_table, forecast_table
from bench.pool_plot import draw_pool
from bench.pool_rows import AT_FOLLOWER, ONE, THREE, TWO
from bench.sample import Sample

COSTS = Costs(leader=40e-6, remote=20e-6, follower=30e-6, engine=10e-6)
MEDIANS = {
    "pool-both": {
        ONE: Sample(rate=20_000, leader=40e-6, engine=10e-6),
        TWO: Sample(rate=21_000, leader=31e-6, followers=16e-6, engine=10e-6),
        AT_FOLLOWER: Sample(rate=15_000, leader=20e-6, followers=30e-6, engine=10e-6),
    }
}


def busiest(costs: Costs, setup: Setup) -> tuple[str, float]:
    """Which processor has the most to do, and its microseconds for each job of the pool."""
    rate, name = forecast(costs, setup)
    return name, round(1e6 / rate, 3)


def test_the_leader_of_all_jobs_has_less_to_do_where_the_others_have_more_of_the_peers() -> None:
    assert busiest(COSTS, Setup(machines=1, primaries=1, shards=1)) == (SERVER, 40)
    assert busiest(COSTS, Setup(machines=2, primaries=1, shards=1)) == (SERVER, 30)
    assert busiest(COSTS, Setup(machines=10, primaries=1, shards=1)) == (SERVER, 22)


def test_where_there_are_more_shards_the_server_that_leads_the_most_is_what_counts() -> None:
    # Each leads half of the jobs, and has half of the peers of the other half.
    assert busiest(COSTS, Setup(machines=2, primaries=2, shards=2)) == (SERVER, 30 / 2 + 30 / 2 / 2)
    # Two of four machines lead two of six shards each.
    assert busiest(COSTS, Setup(machines=4, primaries=3, shards=6)) == (
        SERVER,
        round(25 * 2 / 6 + 30 / 4 * 4 / 6, 3),
    )


def test_a_dear_engine_is_what_counts_and_its_primaries_share_the_shards() -> None:
    dear = COSTS._replace(engine=120e-6)
    assert busiest(dear, Setup(machines=3, primaries=1, shards=1)) == (ENGINE, 120)
    assert busiest(dear, Setup(machines=6, primaries=4, shards=6)) == (ENGINE, 40)


def test_a_cluster_takes_three_machines_and_has_a_shard_for_each() -> None:
    assert on_cluster(2) is None
    assert on_cluster(3) == Setup(machines=3, primaries=3, shards=6)
    assert on_cluster(12) == Setup(machines=12, primaries=12, shards=12)


def test_the_costs_are_those_of_one_server_and_of_one_whose_peers_are_elsewhere() -> None:
    assert costs_of("pool-both", MEDIANS) == COSTS
    assert costs_of("pool-submit", MEDIANS) is None
    assert costs_of("pool-both", {"pool-both": {ONE: MEDIANS["pool-both"][ONE]}}) is None


def test_the_tables_have_the_forecast_and_a_check_of_its_model() -> None:
    table = forecast_table(MEDIANS)
    lines = list(zip(*(column.cells for column in table.columns), strict=True))
    assert lines[:3] == [
        ("1", "one primary", "25,000", SERVER),
        ("2", "one primary", "33,333", SERVER),
        ("3", "one primary", "37,500", SERVER),
    ]
    assert [line[0] for line in lines] == ["1", "2", "3", "3", "6", "6", "12", "12"]
    check = check_table(MEDIANS)
    assert list(zip(*(column.cells for column in check.columns), strict=True)) == [
        ("pool-both", TWO, "30.0", "31.0", "15.0", "16.0")
    ]


def test_without_costs_there_is_no_forecast(tmp_path: Path) -> None:
    medians = {"pool-both": {THREE: Sample(rate=20_000)}}
    assert not forecast_table(medians).rows
    assert not check_table(medians).rows
    draw_pool(tmp_path / "pool.svg", medians)
    assert not list(tmp_path.iterdir())


def test_the_picture_has_what_was_measured_beside_the_forecast(tmp_path: Path) -> None:
    draw_pool(tmp_path / "pool.svg", MEDIANS)
    picture = (tmp_path / "pool.svg").read_text()
    for text in ("20,000", "21,000", "25,000", "37,500", "queue and do jobs"):
        assert text in picture
