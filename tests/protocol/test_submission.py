"""What a submitted job becomes on the wire."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta

import pytest

from geartrain.errors import SettingsError
from geartrain.protocol.commands import SUBMIT_JOB_EPOCH, SUBMIT_JOB_HIGH, SUBMIT_JOB_LOW_BG
from geartrain.protocol.packet import HEADER_SIZE, request
from geartrain.protocol.submission import Due, Priority, Unique, UniqueSource, due_time, payload, submission
from geartrain.protocol.task import BATCH_BYTES, BATCH_JOBS, Task, TaskFactory, batches

FACTORY = TaskFactory("ns/", UniqueSource(0, b"12345678"), 1, True)


def test_priority_and_background_choose_the_packet() -> None:
    assert submission(b"f", b"u", b"w", Priority.HIGH, False, None) == request(
        SUBMIT_JOB_HIGH, b"f", b"u", b"w"
    )
    assert submission(b"f", b"u", b"w", Priority.LOW, True, None) == request(
        SUBMIT_JOB_LOW_BG, b"f", b"u", b"w"
    )


def test_no_scheduled_job_is_early() -> None:
    packet = submission(b"f", b"u", b"w", Priority.NORMAL, True, 1000.1)
    assert packet == request(SUBMIT_JOB_EPOCH, b"f", b"u", b"1001", b"w")


def extended(task: Task) -> tuple[dict[str, object], bytes]:
    """The options and the workload of a task's packet of the extension."""
    function, unique, options, workload = task.extended[HEADER_SIZE:].split(b"\0", 3)
    assert (function, unique) == (b"ns/f", b"u")
    return json.loads(options), workload


def test_what_gearman_says_as_well_is_said_in_its_words() -> None:
    for at in (None, Due(1000.0)):
        task = FACTORY.task("f", b"w", "u", Priority.NORMAL, True, at)
        assert (task.extended, task.needs) == (b"", "")
        assert task.packet


def test_a_part_of_a_second_is_for_servers_that_know_parts() -> None:
    task = FACTORY.task("f", b"w", "u", Priority.NORMAL, True, Due(1000.1))
    assert task.packet == request(SUBMIT_JOB_EPOCH, b"ns/f", b"u", b"1001", b"w")
    assert task.needs == ""
    assert extended(task) == ({"background": True, "priority": "normal", "run_at": 1000.1}, b"w")


@pytest.mark.parametrize(("delay", "said"), [(3.0, 3.0), (0.25, 0.25), (-1.0, 0.0)])
def test_a_delay_is_told_to_servers_that_count_it_and_a_time_to_the_others(delay: float, said: float) -> None:
    task = FACTORY.task("f", b"w", "u", Priority.NORMAL, True, due_time(None, delay, 1000.0))
    epoch = b"%d" % math.ceil(1000 + delay)
    assert task.packet == request(SUBMIT_JOB_EPOCH, b"ns/f", b"u", epoch, b"w")
    assert task.needs == ""
    assert extended(task) == ({"background": True, "priority": "normal", "delay": said}, b"w")


def test_a_time_with_a_priority_and_metadata_need_the_extension() -> None:
    later = FACTORY.task("f", b"w\0", "u", Priority.LOW, True, Due(1000.0))
    assert (later.packet, later.needs) == (b"", "at or delay with priority LOW")
    assert extended(later) == ({"background": True, "priority": "low", "run_at": 1000.0}, b"w\0")
    noted = FACTORY.task("f", b"w", "u", Priority.HIGH, False, None, {"trace": "é\0"})
    assert (noted.packet, noted.needs) == (b"", "metadata")
    assert extended(noted) == (
        {"background": False, "priority": "high", "metadata": {"trace": "é\0"}},
        b"w",
    )


def test_metadata_are_text() -> None:
    with pytest.raises(SettingsError, match="metadata 'n': 5: expected text"):
        FACTORY.task("f", b"w", "u", Priority.NORMAL, False, None, {"n": 5})  # type: ignore[dict-item]


def test_a_time_is_given_as_a_date_or_a_delay() -> None:
    assert due_time(None, None, 1000.0) is None
    assert due_time(None, 1.5, 1000.0) == Due(1001.5, 1.5)
    assert due_time(None, timedelta(minutes=1), 1000.0) == Due(1060.0, 60.0)
    assert due_time(datetime(2027, 1, 1, tzinfo=UTC), None, 1000.0) == Due(1798761600.0, None)
    with pytest.raises(SettingsError, match="only one"):
        due_time(datetime(2027, 1, 1, tzinfo=UTC), 1, 1000.0)


def test_a_payload_is_bytes_or_text() -> None:
    assert [payload(b"x"), payload("é"), payload(bytearray(b"x")), payload(memoryview(b"x"))] == [
        b"x",
        "é".encode(),
        b"x",
        b"x",
    ]
    with pytest.raises(SettingsError, match="payload 5"):
        payload(5)  # type: ignore[arg-type]


def test_names_have_no_nul() -> None:
    with pytest.raises(SettingsError, match="function"):
        FACTORY.task("f\0", b"", None, Priority.NORMAL, True, None)
    with pytest.raises(SettingsError, match="unique"):
        FACTORY.task("f", b"", b"a\0b", Priority.NORMAL, True, None)


@pytest.mark.parametrize(
    ("unique", "sent", "key"),
    [("u", b"u", b"u"), (b"u", b"u", b"u"), (Unique.NONE, b"", b""), (Unique.CONTENT, b"-", b"w")],
)
def test_equal_jobs_share_what_decides_on_their_server(
    unique: str | bytes | Unique, sent: bytes, key: bytes
) -> None:
    task = FACTORY.task("f", b"w", unique, Priority.NORMAL, True, None)
    assert (task.function, task.unique, task.key) == (b"ns/f", sent, key)


def test_a_job_like_no_other_gets_a_uuid_and_may_go_anywhere() -> None:
    task = FACTORY.task("f", b"w", None, Priority.NORMAL, True, None)
    assert re.fullmatch(rb"[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", task.unique)
    assert task.key == b""


def test_uniques_differ_beyond_the_low_half_of_their_time() -> None:
    source = UniqueSource(0, b"12345678")
    first = source.next()
    source.low = 0xFFFFFFFE
    found = [source.next() for _ in range(4)]
    assert [unique[:8] for unique in found] == [b"ffffffff", b"00000000", b"00000001", b"00000002"]
    assert len({first, *found}) == 5
    assert found[0][8:] != found[1][8:]


def test_sources_differ_by_their_random_bytes() -> None:
    assert UniqueSource(0, b"abcdefgh").next() != UniqueSource(0, b"12345678").next()


def test_batches_are_limited_by_jobs_and_bytes() -> None:
    def tasks(number: int, size: int) -> list[int]:
        many = (FACTORY.task("f", b"x" * size, None, Priority.NORMAL, True, None) for _ in range(number))
        return [len(batch) for batch in batches(many)]

    assert tasks(2 * BATCH_JOBS + 1, 1) == [BATCH_JOBS, BATCH_JOBS, 1]
    assert tasks(3, BATCH_BYTES) == [1, 1, 1]
    assert tasks(0, 1) == []
