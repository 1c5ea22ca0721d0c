"""Pictures for the README and the documents: rates as bars, readable on a light page and on a dark one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bench.promises import Medians

INK: Final = "#808890"  # as far from white as from black
COLOURS: Final = {
    "geartrain": "#2f81f7",
    "gearmand": "#9aa4ae",
    "blocking": "#2f81f7",
    "asyncio": "#79b8ff",
    "gear": "#c8b06a",
    "PHP": "#9aa4ae",
    "measured": "#2f81f7",
    "one primary": "#9aa4ae",
    "cluster": "#c8b06a",
}
NAMES: Final = {
    "geartrain": "Geartrain",
    "gearmand": "gearmand (C++)",
    "blocking": "Geartrain, blocking",
    "asyncio": "Geartrain, asyncio",
    "gear": "gear (Python)",
    "PHP": "php-gearman (C)",
    "measured": "measured, all on one machine",
    "one primary": "predicted, a machine each, one primary",
    "cluster": "predicted, on a Cluster",
}
BAR: Final = 0.2  # inches
GAP: Final = 0.6  # bars, between two rows
HEAD: Final = 0.7  # inches of a panel beside its bars


class Panel(NamedTuple):
    """A part of the picture: rows of the benchmark with their labels."""

    title: str
    labels: Mapping[str, str]


PANELS: Final = (
    Panel(
        "Job server: jobs a second",
        {
            "submit": "queue jobs, pipelined",
            "submit-one": "queue jobs, 50 clients",
            "submit-unique": "queue jobs with uniques",
            "work-8": "do jobs, 8 workers",
            "work-50": "do jobs, 50 workers",
            "both": "queue and do jobs",
            "call-1": "call, 1 client",
            "call-16": "call, 16 clients",
            "call-200": "call, 200 clients",
            "call-many": "call, pipelined",
        },
    ),
    Panel(
        "Libraries: jobs a second, one by one, in one process",
        {"background": "queue jobs", "call": "call", "work": "do jobs"},
    ),
)


def draw(path: Path, medians: Medians) -> None:
    """Write the picture of the README as SVG; rows that were not measured are left out."""
    panels = [(panel.title, rows) for panel in PANELS if (rows := rows_of(panel, medians))]
    if not panels:
        return
    with picture(path, [room_for(rows) for _, rows in panels]) as grid:
        for axes, (title, rows) in zip(grid, panels, strict=True):
            draw_panel(axes, title, rows)


@contextmanager
def picture(path: Path, heights: Sequence[float]) -> Iterator[list[Axes]]:
    """Axes of these heights (inches), one under the other; they are written as SVG when the block ends."""
    with pyplot.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "geartrain", "font.size": 9, "text.color": INK}
    ):
        figure, grid = pyplot.subplots(
            len(heights),
            1,
            figsize=(8, sum(heights)),
            squeeze=False,
            height_ratios=heights,
            layout="constrained",
        )
        yield list(grid.flat)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def room_for(rows: list[tuple[str, dict[str, float]]]) -> float:
    """The height of a panel, in inches."""
    return HEAD + sum(BAR * (len(rates) + GAP) for _, rates in rows)


def rows_of(panel: Panel, medians: Medians) -> list[tuple[str, dict[str, float]]]:
    """The labels of the rows that were measured, each with its rates by contestant."""
    rows = []
    for name, label in panel.labels.items():
        samples = medians.get(name, {})
        rates = {contestant: sample.rate for contestant, sample in samples.items() if sample.rate is not None}
        if rates:
            rows.append((label, rates))
    return rows


def draw_panel(axes: Axes, title: str, rows: list[tuple[str, dict[str, float]]]) -> None:
    """Bars with their numbers, one under the other, without a frame."""
    place = 0.0
    middles = []
    for _, rates in rows:
        middles.append(place + (len(rates) - 1) / 2)
        for contestant, rate in rates.items():
            axes.barh(place, rate, 0.85, color=COLOURS[contestant])
            axes.annotate(f"{rate:,.0f}", (rate, place), (4, 0), textcoords="offset points", va="center")
            place += 1
        place += GAP
    axes.set_title(title, loc="left", pad=26, fontsize=11, fontweight="bold")
    axes.set_yticks(middles, [label for label, _ in rows], color=INK)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.invert_yaxis()
    axes.margins(x=0.1, y=0.01)
    contestants = dict.fromkeys(contestant for _, rates in rows for contestant in rates)
    patches = [Patch(color=COLOURS[contestant], label=NAMES[contestant]) for contestant in contestants]
    axes.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(patches),
        frameon=False,
        borderaxespad=0,
        handlelength=1,
        columnspacing=1.5,
    )
