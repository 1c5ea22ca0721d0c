"""The forecast as tables."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from rich.table import Table

from bench.forecast import (
    MACHINES,
    Costs,
    Setup,
    cost_of_following,
    cost_of_leading,
    costs_of,
    forecast,
    on_cluster,
    on_one_primary,
)
from bench.pool_rows import THREE, TWO
from bench.promises import Medians
from bench.report import micro, new_table, number

WORK: Final = {"pool-both": "queue and do jobs", "pool-submit": "queue jobs"}
"""By row, what machines do in the forecast."""

SPLIT: Final = {TWO: 2, THREE: 3}


def known_costs(medians: Medians) -> dict[str, Costs]:
    """The costs of those rows that were measured."""
    return {row: costs for row in WORK if (costs := costs_of(row, medians)) is not None}


def forecast_table(medians: Medians) -> Table:
    """Jobs a second by the number of machines; no lines where no costs are known."""
    known = known_costs(medians)
    table = new_table("machines", "engine")
    for row in known:
        table.add_column(f"{WORK[row]}, jobs/s", justify="right")
        table.add_column("busiest")
    for machines in MACHINES if known else ():
        for engine, setup in engines_for(machines):
            forecasts = [forecast(costs, setup) for costs in known.values()]
            cells = chain.from_iterable((number(one.rate), one.busiest) for one in forecasts)
            table.add_row(str(machines), engine, *cells)
    return table


def engines_for(machines: int) -> Iterator[tuple[str, Setup]]:
    """What the servers of so many machines may keep their jobs in."""
    yield "one primary", on_one_primary(machines)
    cluster = on_cluster(machines)
    if cluster is not None:
        yield f"Cluster, {cluster.primaries} primaries, {cluster.shards} shards", cluster


def check_table(medians: Medians) -> Table:
    """What the forecast's model says of a job's costs where servers share the load, beside what was measured."""
    table = new_table("what", "who")
    for heading in ("leader µs", "measured", "followers µs", "measured"):
        table.add_column(heading, justify="right")
    for row, costs in known_costs(medians).items():
        for contestant, servers in SPLIT.items():
            sample = medians[row].get(contestant)
            if sample is not None:
                leader = cost_of_leading(costs, servers)
                followers = (servers - 1) * cost_of_following(costs, servers)
                table.add_row(
                    row,
                    contestant,
                    micro(leader),
                    micro(sample.leader),
                    micro(followers),
                    micro(sample.followers),
                )
    return table
