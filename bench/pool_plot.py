"""The picture of the pool: what its servers do on this machine, and what they would on machines of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from matplotlib.axes import Axes

from bench.forecast import MACHINES, Costs, Setup, forecast, on_cluster, on_one_primary
from bench.forecast_report import WORK, known_costs
from bench.plot import INK, picture
from bench.pool_rows import ONE, THREE, TWO
from bench.promises import Medians

HERE: Final = {ONE: 1, TWO: 2, THREE: 3}
"""By contestant, how many servers share the load."""

MEASURED: Final = "#2f81f7"
HEIGHT: Final = 3.2  # inches
BAR: Final = 0.5  # of the room between two numbers of machines


class Line(NamedTuple):
    """A forecast in the picture."""

    name: str
    colour: str
    below: bool  # where its numbers stand


ONE_PRIMARY: Final = Line("a machine each, one primary: predicted", "#9aa4ae", below=True)
CLUSTER: Final = Line("a machine each, on a Cluster: predicted", "#c8b06a", below=False)


def draw_pool(path: Path, medians: Medians) -> None:
    """Write the picture as SVG; nothing where the costs of a job were not measured."""
    known = known_costs(medians)
    if not known:
        return
    with picture(path, [HEIGHT] * len(known)) as grid:
        for axes, (row, costs) in zip(grid, known.items(), strict=True):
            draw_measured(axes, measured_rates(row, medians))
            draw_line(axes, ONE_PRIMARY, costs, [on_one_primary(machines) for machines in MACHINES])
            draw_line(axes, CLUSTER, costs, [on_cluster(machines) for machines in MACHINES])
            finish(axes, f"The pool, {WORK[row]}: jobs a second by servers")


def measured_rates(row: str, medians: Medians) -> dict[int, float]:
    """Jobs a second by the number of servers."""
    samples = {servers: medians[row].get(contestant) for contestant, servers in HERE.items()}
    return {servers: sample.rate for servers, sample in samples.items() if sample and sample.rate}


def draw_measured(axes: Axes, rates: dict[int, float]) -> None:
    """A bar for each number of servers."""
    places = [MACHINES.index(servers) for servers in rates]
    bars = axes.bar(places, list(rates.values()), BAR, color=MEASURED, label="all on one machine: measured")
    axes.bar_label(bars, fmt="{:,.0f}", color=INK, label_type="center")


def draw_line(axes: Axes, line: Line, costs: Costs, setups: list[Setup | None]) -> None:
    """A point with its number for each set-up that is possible."""
    points = [(place, forecast(costs, setup).rate) for place, setup in enumerate(setups) if setup is not None]
    places, rates = zip(*points, strict=True)
    axes.plot(places, rates, color=line.colour, marker="o", markersize=4, label=line.name)
    for place, rate in points:
        axes.annotate(
            f"{rate:,.0f}",
            (place, rate),
            (0, -6 if line.below else 6),
            textcoords="offset points",
            ha="center",
            va="top" if line.below else "bottom",
        )


def finish(axes: Axes, title: str) -> None:
    """Title, numbers of machines and legend; no frame."""
    axes.set_title(title, loc="left", pad=26, fontsize=11, fontweight="bold")
    axes.set_xticks(range(len(MACHINES)), [str(machines) for machines in MACHINES], color=INK)
    axes.set_yticks([])
    axes.set_ylim(bottom=0)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.margins(y=0.12)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=3,
        frameon=False,
        borderaxespad=0,
        handlelength=1,
        columnspacing=1.5,
    )
