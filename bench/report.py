"""Results as tables for people, and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.pools import engine_version
from bench.promises import PROMISES, Medians
from bench.results import Result
from bench.sample import Sample

COSTS: Final = ("leader µs", "followers µs", "engine µs")  # of a processor, for a job
FIGURES: Final = ("jobs/s", "first is", "jobs/CPU s", "p50 µs", "p99 µs", "bytes/job", "start s", *COSTS)
UNFOLDED: Final = 200  # columns where no terminal sets a limit


def machine() -> dict[str, str]:
    """What the numbers depend on, in general terms."""
    return {
        "geartrain": subprocess.check_output(
            [sys.executable, "-m", "geartrain", "--version"], text=True
        ).strip(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "event loop": "uvloop" if find_spec("uvloop") else "asyncio",
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "engine": engine_version(),
    }


def medians_of(results: Iterable[Result]) -> Medians:
    return {result.row.name: result.medians() for result in results}


def group_table(results: Sequence[Result]) -> Table:
    """A line for each contestant of each row; figures that none of them has are left out."""
    lines = [line for result in results for line in lines_of(result)]
    shown = [column for column in range(len(FIGURES)) if any(figures[column] for _, _, figures in lines)]
    table = new_table("what")
    table.add_column("who", no_wrap=True)
    for column in shown:
        table.add_column(FIGURES[column], justify="right", no_wrap=True)
    for what, who, figures in lines:
        table.add_row(what, who, *(figures[column] for column in shown))
    return table


def lines_of(result: Result) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What, who, and the figures; only the first line of a row says what."""
    what = f"{result.row.name}: {result.row.what}"
    if result.reason:
        yield what, f"not measured: {result.reason}", ("",) * len(FIGURES)
    first = None
    for contestant, sample in result.medians().items():
        yield what, contestant, figures_of(sample, first)
        first = first or sample
        what = ""


def figures_of(sample: Sample, first: Sample | None) -> tuple[str, ...]:
    """The text of each of the FIGURES."""
    return (
        number(sample.rate),
        times(first.rate, sample.rate) if first else "",
        number(sample.cpu_rate),
        number(sample.p50 and sample.p50 * 1e6),
        number(sample.p99 and sample.p99 * 1e6),
        number(sample.memory),
        "" if sample.start is None else f"{sample.start:.2f}",
        *(micro(cost) for cost in (sample.leader, sample.followers, sample.engine)),
    )


def times(value: float | None, other: float | None) -> str:
    return f"{value / other:.2f} x" if value and other else ""


def micro(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:.1f}"


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def promise_table(medians: Medians) -> Table:
    """What was promised, and what this run says of it."""
    table = new_table("what")
    for heading in ("measured", "promised"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for promise in PROMISES:
        measured = promise.measured(medians)
        if measured is not None:
            form = ",.2f" if promise.bar <= 10 else ",.0f"
            bar = f"{'at most' if promise.at_most else 'at least'} {promise.bar:,g}"
            table.add_row(
                promise.text, format(measured, form), bar, "kept" if promise.is_kept(measured) else "missed"
            )
    return table


def new_table(*headings: str) -> Table:
    """In a file or a pipe, tables are Markdown."""
    table = Table(box=box.SIMPLE_HEAD if sys.stdout.isatty() else box.MARKDOWN)
    for heading in headings:
        table.add_column(heading)
    return table


def show(title: str, table: Table) -> None:
    """Print a table, unless it is empty."""
    if not table.rows:
        return
    if sys.stdout.isatty():
        Console(highlight=False).print(f"\n[bold]{title}[/]", table)
        return
    screen = Console(highlight=False, width=UNFOLDED)
    with screen.capture() as captured:
        screen.print(table)
    lines = [f"### {title}", *captured.get().splitlines()]
    print("\n" + "\n".join(line.rstrip() for line in lines).rstrip())


def write_json(path: Path, results: Sequence[Result], medians: Medians, rounds: int, scale: float) -> None:
    """Everything, every sample too."""
    rows = {
        result.row.name: {
            contestant: {
                "median": medians[result.row.name][contestant]._asdict(),
                "samples": [sample._asdict() for sample in samples],
            }
            for contestant, samples in result.samples.items()
        }
        for result in results
    }
    promises = [
        {"text": promise.text, "measured": measured, "bar": promise.bar, "kept": promise.is_kept(measured)}
        for promise in PROMISES
        if (measured := promise.measured(medians)) is not None
    ]
    content = {"machine": machine(), "rounds": rounds, "scale": scale, "rows": rows, "promises": promises}
    path.write_text(json.dumps(content, indent=1) + "\n")
