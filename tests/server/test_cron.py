"""Cron lines and time zones: when they are due, also where clocks change."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from geartrain.broker.deadlines import NEVER
from geartrain.errors import SettingsError
from geartrain.server import cron
from geartrain.server.cron import next_tick

BERLIN = "Europe/Berlin"


def moment(text: str) -> float:
    """The Unix time of a local time with its offset."""
    return datetime.fromisoformat(text).timestamp()


def ticks(line: str, after: str, count: int, timezone: str = BERLIN) -> list[str]:
    """The next ticks of a line as local times."""
    found = []
    tick = moment(after)
    for _ in range(count):
        tick = next_tick(line, timezone, tick)
        found.append(datetime.fromtimestamp(tick, ZoneInfo(timezone)).isoformat(" "))
    return found


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("30 3 * * *", "2027-01-16 03:30"),
        ("*/15 * * * *", "2027-01-15 08:15"),
        ("0 9-17/4 * * 1-5", "2027-01-15 09:00"),
        ("0 0 13 * FRI", "2027-01-22 00:00"),  # the 13th or any Friday, as in cron
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("@hourly", "2027-01-15 09:00"),
        ("@daily", "2027-01-16 00:00"),
        ("@midnight", "2027-01-16 00:00"),
        ("@weekly", "2027-01-17 00:00"),
        ("@monthly", "2027-02-01 00:00"),
        ("@yearly", "2028-01-01 00:00"),
        (" @Annually ", "2028-01-01 00:00"),
    ],
)
def test_a_line_is_due_next(line: str, expected: str) -> None:
    assert next_tick(line, "UTC", moment("2027-01-15T08:00:00+00:00")) == moment(f"{expected}+00:00")


def test_a_tick_is_a_whole_second_after_the_moment_and_never_the_moment_itself() -> None:
    tick = moment("2027-01-15T08:15:00+00:00")
    assert next_tick("15 * * * *", "UTC", tick - 0.25) == tick
    assert next_tick("15 * * * *", "UTC", tick) == tick + 3600


# In Berlin clocks go from 2:00 to 3:00 on 28 March 2027, and from 3:00 to 2:00 on 31 October.


def test_a_time_that_does_not_exist_is_the_moment_of_the_change() -> None:
    assert ticks("30 2 * * *", "2027-03-27T12:00+01:00", 2) == [
        "2027-03-28 03:00:00+02:00",
        "2027-03-29 02:30:00+02:00",
    ]


def test_two_times_that_do_not_exist_are_one_tick() -> None:
    assert ticks("0,30 2 * * *", "2027-03-28T01:00+01:00", 2) == [
        "2027-03-28 03:00:00+02:00",
        "2027-03-29 02:00:00+02:00",
    ]


def test_a_time_that_comes_twice_is_due_the_first_time() -> None:
    assert ticks("30 2 * * *", "2027-10-30T12:00+02:00", 2) == [
        "2027-10-31 02:30:00+02:00",
        "2027-11-01 02:30:00+01:00",
    ]


@pytest.mark.parametrize("after", ["2027-10-31T02:10+01:00", "2027-10-31T02:30+01:00"])
def test_asked_while_it_comes_the_second_time_it_is_due_tomorrow(after: str) -> None:
    assert ticks("30 2 * * *", after, 1) == ["2027-11-01 02:30:00+01:00"]


def test_a_line_for_every_hour_goes_by_the_time_that_passes() -> None:
    assert ticks("30 * * * *", "2027-03-28T01:00+01:00", 2) == [
        "2027-03-28 01:30:00+01:00",
        "2027-03-28 03:30:00+02:00",
    ]
    assert ticks("30 * * * *", "2027-10-31T02:00+02:00", 3) == [
        "2027-10-31 02:30:00+02:00",
        "2027-10-31 02:30:00+01:00",
        "2027-10-31 03:30:00+01:00",
    ]


# What cannot be


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", ""),
        ("* * * *", ""),
        ("0 * * * * *", ""),
        ("@reboot", ""),
        ("61 * * * *", ": Bad minute"),
        ("0 24 * * *", ": Bad hour"),
        ("0 0 30 2 *", ": Bad day-of-month"),
        ("0 0 * * 8", ": Bad day-of-week"),
    ],
)
def test_a_line_that_cannot_be_is_named_with_what_was_expected(line: str, reason: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        next_tick(line, "UTC", 0.0)
    assert str(refusal.value).startswith(
        "cron wants minute, hour, day of the month, month and day of the week"
    )
    assert str(refusal.value).endswith(f"got {line!r}{reason}")


@pytest.mark.parametrize("timezone", ["Europe/Nowhere", "../etc/passwd", "/etc/passwd", "Europe", "x\0"])
def test_a_time_zone_that_cannot_be_is_named(timezone: str) -> None:
    with pytest.raises(SettingsError, match="timezone wants a name that this machine knows, such as"):
        next_tick("@daily", timezone, 0.0)


def test_a_line_that_is_not_due_in_50_years_is_never_due() -> None:
    """The first or the 29th is no second Monday."""
    assert next_tick("0 0 */28 2 MON#2", "UTC", 0.0) == NEVER


# Without a time zone


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment of which nothing is remembered."""
    cron.local_zone.cache_clear()
    monkeypatch.delenv("TZ", raising=False)
    return monkeypatch


MIDNIGHT_IN_BERLIN = moment("2027-01-16T00:00+01:00")
MIDNIGHT_IN_UTC = moment("2027-01-16T00:00+00:00")
NOON = moment("2027-01-15T12:00+00:00")


@pytest.mark.parametrize(
    ("given", "midnight"),
    [
        (BERLIN, MIDNIGHT_IN_BERLIN),
        (f":{BERLIN}", MIDNIGHT_IN_BERLIN),
        (f"/usr/share/zoneinfo/{BERLIN}", MIDNIGHT_IN_BERLIN),
        ("", MIDNIGHT_IN_UTC),
    ],
)
def test_the_zone_is_the_one_of_the_environment(
    local: pytest.MonkeyPatch, given: str, midnight: float
) -> None:
    local.setenv("TZ", given)
    assert next_tick("@daily", "", NOON) == midnight


def test_or_the_machines(local: pytest.MonkeyPatch, tmp_path: Path) -> None:
    local.setattr(cron, "LOCAL_ZONE", Path(f"/usr/share/zoneinfo/{BERLIN}"))
    assert next_tick("@daily", "", NOON) == MIDNIGHT_IN_BERLIN
    cron.local_zone.cache_clear()
    local.setattr(cron, "LOCAL_ZONE", tmp_path / "none")
    assert next_tick("@daily", "", NOON) == MIDNIGHT_IN_UTC


@pytest.mark.parametrize("given", ["CET-1CEST", "/etc/passwd"])
def test_an_environment_that_names_none_is_said_to(local: pytest.MonkeyPatch, given: str) -> None:
    local.setenv("TZ", given)
    with pytest.raises(SettingsError, match=f"timezone wants .*{given}"):
        next_tick("@daily", "", NOON)
