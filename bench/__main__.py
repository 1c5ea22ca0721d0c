"""``python -m bench``: measure, print tables, draw the picture of the README."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from bench.depth_rows import CROWD, DEPTH, MEMORY
from bench.durable_rows import DURABILITY
from bench.forecast_report import check_table, forecast_table
from bench.library_rows import CLIENTS, WORKERS
from bench.pool_rows import POOL
from bench.report import group_table, machine, medians_of, promise_table, show, write_json
from bench.results import Result, chosen, measure
from bench.row import Group
from bench.server_rows import SERVER
from bench.web_rows import WEB

GROUPS: Final = (SERVER, CLIENTS, WORKERS, DEPTH, MEMORY, CROWD, DURABILITY, POOL, WEB)
NAMES: Final = [*(group.name for group in GROUPS), *(row.name for group in GROUPS for row in group.rows)]
QUICK: Final = 0.2  # of the jobs, in one round


@click.command()
@click.option("--quick", is_flag=True, help="A fifth of the jobs, one round: sooner done, and noisier.")
@click.option(
    "--rounds", type=click.IntRange(1), help="How often each is measured; medians count.  [default: 3]"
)
@click.option("--scale", type=click.FloatRange(0, min_open=True), help="Times as many jobs.  [default: 1]")
@click.option(
    "--only", type=click.Choice(NAMES), multiple=True, help="A row, or a group of rows; may be given again."
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all samples."
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a picture (SVG).")
@click.option(
    "--pool-plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw a picture of the pool (SVG)."
)
def main(
    quick: bool,
    rounds: int | None,
    scale: float | None,
    only: Sequence[str],
    json_file: Path | None,
    plot: Path | None,
    pool_plot: Path | None,
) -> None:
    """Measure Geartrain's server, clients and workers, beside gearmand, gear and PHP's extension where installed."""
    rounds = rounds or (1 if quick else 3)
    scale = scale or (QUICK if quick else 1.0)
    click.echo("; ".join(machine().values()))
    results: list[Result] = []
    for group in chosen(GROUPS, only):
        measured = measure_group(group, rounds, scale)
        show(group.title, group_table(measured))
        results += measured
    medians = medians_of(results)
    show("Promises", promise_table(medians))
    show("What more machines would do", forecast_table(medians))
    show("The costs of a job in that forecast, and as they were measured", check_table(medians))
    if json_file:
        write_json(json_file, results, medians, rounds, scale)
    # Only here: matplotlib takes a second, and nothing else needs it.
    if plot:
        from bench.plot import draw

        draw(plot, medians)
    if pool_plot:
        from bench.pool_plot import draw_pool

        draw_pool(pool_plot, medians)


def measure_group(group: Group, rounds: int, scale: float) -> list[Result]:
    """Measure the rows of a group; a terminal shows which one it is at."""
    results = []
    with Console(stderr=True).status("") as status:
        for row in group.rows:
            status.update(f"{group.title}: {row.name}")
            results.append(measure(row, rounds, scale))
    return results


if __name__ == "__main__":
    main()
