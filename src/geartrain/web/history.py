"""History: what functions did in the last hour and the last day, in memory, without I/O and without a clock."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from math import isnan, nan
from operator import add
from typing import Final, NamedTuple, cast

STEP: Final = 10.0  # seconds between two samples
MOST_FUNCTIONS: Final = 200  # that have a history of their own
EVERYTHING: Final = ""  # the name under which all functions are summed up
NOBODY: Final = "\0"  # no function has this name
OTHERS: Final = "other"  # those without a history of their own

COUNTERS: Final = ("submitted", "completed", "failed")
OLDEST: Final = "oldest"
GAUGES: Final = ("queued", "running", OLDEST)
SERIES: Final = COUNTERS + GAUGES


class Sample(NamedTuple):
    """What a function's row says at a time."""

    submitted: float = 0  # these three only grow, but for a function that is counted anew
    completed: float = 0
    failed: float = 0
    queued: float = 0
    running: float = 0
    oldest: float = 0  # age in seconds of the oldest job that waits

    def plus(self, other: Sample) -> Sample:
        """Of two functions together."""
        return Sample(
            self.submitted + other.submitted,
            self.completed + other.completed,
            self.failed + other.failed,
            self.queued + other.queued,
            self.running + other.running,
            max(self.oldest, other.oldest),
        )

    def since(self, before: Sample) -> Sample:
        """The same with counters that say by how much they grew."""
        return self._replace(
            submitted=growth(before.submitted, self.submitted),
            completed=growth(before.completed, self.completed),
            failed=growth(before.failed, self.failed),
        )


NONE: Final = Sample()


class Span:
    """How far back a history goes, and how finely."""

    def __init__(self, name: str, step: float, points: int) -> None:
        self.name = name
        self.step = step  # seconds between two points, or more where samples are fewer
        self.points = points


HOUR: Final = Span("hour", STEP, 360)
DAY: Final = Span("day", 30 * STEP, 288)
SPANS: Final = {span.name: span for span in (HOUR, DAY)}


class Curves:
    """The points of one function over one span: nan where nothing is known."""

    def __init__(self, span: Span) -> None:
        self.values = [array("f", [nan]) * span.points for _ in SERIES]
        self.since = [0.0] * len(SERIES)  # the last point: how much counters grew, how high gauges were

    def see(self, sample: Sample) -> None:
        """Take a sample on the way to a point."""
        since = self.since
        for index, value in enumerate(sample):
            since[index] = since[index] + value if index < len(COUNTERS) else max(since[index], value)

    def draw(self, place: int, seconds: float) -> None:
        """The next point, at a place: rates of counters, and the most of gauges."""
        for index, value in enumerate(self.since):
            self.values[index][place] = value / seconds if index < len(COUNTERS) else value
        self.since = [0.0] * len(SERIES)

    def is_empty(self) -> bool:
        """Whether nothing happened in all of the span."""
        return not any(value and not isnan(value) for values in self.values for value in values)


class Record:
    """The points of all functions over one span: the oldest is overwritten by the newest."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self.times = array("d", [nan]) * span.points
        self.place = 0  # of the next point
        self.drawn_at = 0.0  # the last point, or the time before the first one, in monotonic seconds
        self.curves: dict[str, Curves] = {}  # by function

    def add(self, samples: Mapping[str, Sample], now: float, clock: float) -> None:
        """Take a sample of each function, whose counters are by how much they grew."""
        for name, sample in samples.items():
            if name not in self.curves:
                self.curves[name] = Curves(self.span)
            self.curves[name].see(sample)
        if now - self.drawn_at > self.span.step - STEP / 2:
            self.draw(now, clock)

    def draw(self, now: float, clock: float) -> None:
        """The next point of all curves."""
        for curves in self.curves.values():
            curves.draw(self.place, max(now - self.drawn_at, 0.001))
        self.times[self.place] = clock
        self.place = (self.place + 1) % self.span.points
        self.drawn_at = now

    def read(self, name: str) -> dict[str, object]:
        """The points of a function, the oldest first."""
        order = [*range(self.place, self.span.points), *range(self.place)]
        known = [place for place in order if not isnan(self.times[place])]
        curves = self.curves.get(name)
        series: dict[str, list[float | None]] = {title: [None] * len(known) for title in SERIES}
        if curves is not None:
            for title, values in zip(SERIES, curves.values, strict=True):
                series[title] = [plain(values[place]) for place in known]
        times = [round(self.times[place], 3) for place in known]
        return {"step": self.span.step, "times": times, "series": series}


class History:
    """An hour in steps of 10 seconds and a day in steps of 5 minutes.

    ``most`` functions have curves of their own, the others are ``other``. A function that is gone keeps its curves
    until another one needs their place and nothing is left to see on them.
    """

    def __init__(self, most: int = MOST_FUNCTIONS) -> None:
        self.most = most
        self.records = {name: Record(span) for name, span in SPANS.items()}
        self.own: set[str] = set()  # functions with curves of their own
        self.before: dict[str, Sample] | None = None  # None before the first sample

    def add(self, samples: Mapping[str, Sample], now: float, clock: float) -> None:
        """Take a sample of each function there is, at monotonic seconds and Unix time.

        What was counted before the first sample happened before this history.
        """
        before, self.before = self.before, self.remembered(samples)
        if before is None:
            for record in self.records.values():
                record.drawn_at = now
            return
        grown = {name: sample.since(before.get(name, NONE)) for name, sample in samples.items()}
        self.make_room(samples)
        known = {name: sample for name, sample in grown.items() if name in self.own}
        others = [sample for name, sample in grown.items() if name not in self.own]
        known[EVERYTHING] = sum_of(grown.values())
        if others:
            known[OTHERS] = sum_of(others)
        for record in self.records.values():
            record.add(known, now, clock)

    def remembered(self, samples: Mapping[str, Sample]) -> dict[str, Sample]:
        """The samples to compare the next ones with: a function that is not seen for a moment may come back."""
        if self.before is None or len(self.before) > 2 * (len(samples) + self.most):
            return dict(samples)
        return {**self.before, **samples}

    def make_room(self, samples: Mapping[str, Sample]) -> None:
        """Give curves to functions that came, as long as there are some to give."""
        newcomers = [name for name in samples if name not in self.own and name not in (EVERYTHING, OTHERS)]
        for name in newcomers:
            if len(self.own) >= self.most and not self.forget_one(samples):
                return
            self.own.add(name)

    def forget_one(self, samples: Mapping[str, Sample]) -> bool:
        """Take curves away from a function that is gone; False where all that are gone are still to be seen."""
        for name in self.own:
            if name not in samples and self.is_empty(name):
                self.own.remove(name)
                for record in self.records.values():
                    record.curves.pop(name, None)
                return True
        return False

    def is_empty(self, name: str) -> bool:
        return all(
            name not in record.curves or record.curves[name].is_empty() for record in self.records.values()
        )

    def read(self, span: str, function: str = EVERYTHING) -> dict[str, object]:
        """The points of a span, the oldest first: of a function, or of all of them together."""
        return self.records[span].read(function)

    def read_sum(self, span: str, functions: Iterable[str]) -> dict[str, object]:
        """The points of a span for some functions together, of those that have curves of their own."""
        record = self.records[span]
        return all_of([record.read(NOBODY), *map(record.read, functions)])


def all_of(points: Iterable[dict[str, object]]) -> dict[str, object]:
    """The points of several functions together, each as ``Record.read`` gives them."""
    total: dict[str, object] = {}
    for each in points:
        if not total:
            total = each
            continue
        series = cast("dict[str, list[float | None]]", total["series"])
        for title, values in cast("dict[str, list[float | None]]", each["series"]).items():
            combine = max if title == OLDEST else add
            series[title] = [
                other if value is None else value if other is None else combine(value, other)
                for value, other in zip(series[title], values, strict=True)
            ]
    return total


def sum_of(samples: Iterable[Sample]) -> Sample:
    total = Sample()
    for sample in samples:
        total = total.plus(sample)
    return total


def growth(before: float, after: float) -> float:
    """By how much a counter grew; one that is smaller was counted anew."""
    return after - before if after >= before else after


def plain(value: float) -> float | None:
    """A number as people write it, from one of 32 bits."""
    return None if isnan(value) else float(f"{value:.6g}")
