"""The picture of the pool: what its servers do on this machine, and what they would on machines of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bench.forecast import MACHINES, Costs, forecast, on_cluster, on_one_primary
from bench.forecast_report import WORK, known_costs
from bench.plot import draw_panel, picture, room_for
from bench.pool_rows import ONE, THREE, TWO
from bench.promises import Medians

HERE: Final = {1: ONE, 2: TWO, 3: THREE}
"""By the number of servers that share the load, the contestant."""


def draw_pool(path: Path, medians: Medians) -> None:
    """Write the picture as SVG; nothing where the costs of a job were not measured."""
    panels = [
        (f"The pool, {WORK[row]}: jobs a second", rows_of(row, costs, medians))
        for row, costs in known_costs(medians).items()
    ]
    if panels:
        with picture(path, [room_for(rows) for _, rows in panels]) as grid:
            for axes, (title, rows) in zip(grid, panels, strict=True):
                draw_panel(axes, title, rows)


def rows_of(row: str, costs: Costs, medians: Medians) -> list[tuple[str, dict[str, float]]]:
    """A label for each number of servers, with the rate that was measured and those of the forecast."""
    rows = []
    for servers in MACHINES:
        rates = {}
        sample = medians[row].get(HERE.get(servers, ""))
        if sample and sample.rate:
            rates["measured"] = sample.rate
        rates["one primary"] = forecast(costs, on_one_primary(servers)).rate
        cluster = on_cluster(servers)
        if cluster is not None:
            rates["cluster"] = forecast(costs, cluster).rate
        rows.append((f"{servers} server{'s' * (servers > 1)}", rates))
    return rows
