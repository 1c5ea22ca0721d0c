"""The history of functions: an hour and a day, drawn from samples at times that the tests set."""

from __future__ import annotations

from geartrain.web.history import MOST_FUNCTIONS, History, Sample

START = 1_700_000_000.0  # Unix time


class Watched:
    """A history with a clock of its own, which takes a sample every ten seconds."""

    def __init__(self, most: int = MOST_FUNCTIONS) -> None:
        self.now = 100.0
        self.history = History(most)
        self.counts: dict[str, Sample] = {}
        self.sample()

    def sample(self, seconds: float = 10.0, **changed: Sample) -> None:
        self.now += seconds
        self.counts.update(changed)
        self.history.add(self.counts, self.now, START + self.now)

    def curve(self, series: str, function: str = "", span: str = "hour") -> list[float | None]:
        read = self.history.read(span, function)
        assert isinstance(read["series"], dict)
        values: list[float | None] = read["series"][series]
        return values

    def times(self, span: str = "hour") -> list[float]:
        times = self.history.read(span)["times"]
        assert isinstance(times, list)
        return [time - START for time in times]


def test_before_the_second_sample_there_is_nothing() -> None:
    watched = Watched()
    assert watched.history.read("hour") == {
        "step": 10.0,
        "times": [],
        "series": {
            "submitted": [],
            "completed": [],
            "failed": [],
            "queued": [],
            "running": [],
            "oldest": [],
        },
    }


def test_counters_are_rates_a_second_and_gauges_are_values() -> None:
    watched = Watched()
    watched.sample(resize=Sample(submitted=50, completed=20, failed=1, queued=29, running=4, oldest=7.5))
    watched.sample(resize=Sample(submitted=50, completed=60, failed=1, queued=0, running=2))
    assert watched.times() == [120.0, 130.0]
    assert watched.curve("submitted", "resize") == [5.0, 0.0]
    assert watched.curve("completed", "resize") == [2.0, 4.0]
    assert watched.curve("failed", "resize") == [0.1, 0.0]
    assert watched.curve("queued", "resize") == [29.0, 0.0]
    assert watched.curve("running", "resize") == [4.0, 2.0]
    assert watched.curve("oldest", "resize") == [7.5, 0.0]


def test_a_sample_that_comes_late_makes_no_higher_rate() -> None:
    watched = Watched()
    watched.sample(seconds=40.0, resize=Sample(submitted=400))
    assert watched.curve("submitted") == [10.0]


def test_all_functions_are_summed_up_and_the_oldest_job_is_the_oldest_of_all() -> None:
    watched = Watched()
    watched.sample(
        resize=Sample(submitted=10, queued=3, oldest=5), mail=Sample(submitted=30, queued=1, oldest=9)
    )
    assert watched.curve("submitted") == [4.0]
    assert watched.curve("queued") == [4.0]
    assert watched.curve("oldest") == [9.0]


def test_what_was_counted_before_the_first_sample_is_no_rate() -> None:
    history = History()
    history.add({"resize": Sample(submitted=1_000_000)}, 10.0, START)
    history.add({"resize": Sample(submitted=1_000_010)}, 20.0, START + 10)
    series = history.read("hour", "resize")["series"]
    assert isinstance(series, dict)
    assert series["submitted"] == [1.0]


def test_a_function_that_is_counted_anew_is_counted_from_nothing() -> None:
    watched = Watched()
    watched.sample(resize=Sample(submitted=500), mail=Sample(submitted=100))
    watched.sample(resize=Sample(submitted=20), mail=Sample(submitted=110))
    assert watched.curve("submitted", "resize") == [50.0, 2.0]
    assert watched.curve("submitted") == [60.0, 3.0]


def test_a_function_that_is_not_seen_for_a_moment_goes_on_where_it_was() -> None:
    watched = Watched()
    watched.sample(resize=Sample(submitted=500))
    watched.counts.clear()
    watched.sample()
    watched.sample(resize=Sample(submitted=520))
    assert watched.curve("submitted", "resize") == [50.0, 0.0, 2.0]


def test_a_function_that_comes_later_has_no_points_before() -> None:
    watched = Watched()
    watched.sample()
    watched.sample(resize=Sample(submitted=10))
    assert watched.curve("submitted", "resize") == [None, 1.0]
    assert watched.curve("submitted", "nothing") == [None, None]


def test_the_hour_forgets_what_is_older() -> None:
    watched = Watched()
    for number in range(1, 401):
        watched.sample(resize=Sample(queued=number))
    assert len(watched.times()) == 360
    assert watched.curve("queued", "resize") == [float(number) for number in range(41, 401)]


def test_the_day_has_a_point_every_five_minutes_with_the_most_that_was_seen() -> None:
    watched = Watched()
    for number in range(1, 61):
        watched.sample(resize=Sample(submitted=30 * number, queued=number % 30, oldest=100 - number))
    assert watched.times("day") == [410.0, 710.0]
    assert watched.curve("submitted", "resize", "day") == [3.0, 3.0]
    assert watched.curve("queued", "resize", "day") == [29.0, 29.0]
    assert watched.curve("oldest", "resize", "day") == [99.0, 69.0]


def test_functions_beyond_the_most_are_other() -> None:
    watched = Watched(most=2)
    watched.sample(a=Sample(submitted=10), b=Sample(submitted=20))
    watched.sample(c=Sample(submitted=30), d=Sample(submitted=40, queued=5))
    assert watched.curve("submitted", "other") == [None, 7.0]
    assert watched.curve("queued", "other") == [None, 5.0]
    assert watched.curve("submitted", "c") == [None, None]
    assert watched.curve("submitted") == [3.0, 7.0]


def test_a_function_that_is_gone_gives_way_once_nothing_of_it_is_to_be_seen() -> None:
    watched = Watched(most=1)
    watched.sample(a=Sample(submitted=10))
    del watched.counts["a"]
    watched.sample(b=Sample(submitted=10))
    assert watched.curve("submitted", "a") == [1.0, 0.0]
    assert watched.curve("submitted", "b") == [None, None]
    for _ in range(288 * 30 + 30):
        watched.sample()
    assert watched.curve("submitted", "b")[-1] == 0.0


def test_memory_is_bounded_however_many_functions_there_are() -> None:
    watched = Watched(most=3)
    for number in range(100):
        watched.counts = {f"f{number}-{each}": Sample(submitted=1) for each in range(50)}
        watched.sample()
    for record in watched.history.records.values():
        assert len(record.curves) <= 5
    assert len(watched.history.before or ()) <= 2 * (50 + 3) + 50
