"""Jobs as rows: what was written is read, and what was not written so is refused."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.broker.batch import JobRecord
from geartrain.broker.rows import HEAD, record_of, row_of

OLD_ROW = (  # number 5, of version 1
    bytes([1, 2])
    + (7).to_bytes(4, "little")
    + struct.pack("<dd", 0.0, 1.8e9)
    + struct.pack("<HHHHH", 8, 1, 1, 0, 0)
    + b"H:test:5fu"
)

names = st.binary(min_size=1, max_size=512)


@st.composite
def made_records(draw: st.DrawFn) -> JobRecord:
    number = draw(st.integers(1, 2**62))
    workload = draw(st.binary(max_size=100))
    return JobRecord(
        number,
        b"%s:%d" % (draw(names), number),
        draw(names),
        draw(st.binary(max_size=8192)),
        draw(st.binary(max_size=64)),
        workload,
        len(workload),
        draw(st.integers(0, 2)),
        draw(st.floats(0, 1e11)),
        draw(st.floats(0, 1e11)),
        draw(st.integers(0, 2**32 - 1)),
        draw(st.binary(max_size=4096)),
        draw(st.integers(0, 2**32 - 1)),
    )


records = made_records()


@given(records)
def test_a_job_is_read_as_it_was_written(record: JobRecord) -> None:
    number, head, workload = row_of(record)
    assert workload is not None
    assert record_of(number, head, workload, len(workload)) == record


@given(records, st.data())
def test_a_head_that_was_cut_or_lengthened_is_refused(record: JobRecord, data: st.DataObject) -> None:
    _, head, workload = row_of(record)
    cut = data.draw(st.integers(0, len(head) - 1))
    for wrong in (head[:cut], head + b"\0"):
        with pytest.raises(ValueError, match="expected"):
            record_of(record.number, wrong, workload, record.size)


@given(st.binary(min_size=HEAD.size, max_size=HEAD.size + 40))
def test_any_bytes_are_a_job_or_refused(head: bytes) -> None:
    with contextlib.suppress(ValueError):
        record = record_of(1, head, b"", 0)
        assert record_of(*row_of(record), 0) == record


def test_a_head_at_the_number_of_another_job_is_refused() -> None:
    _, head, workload = row_of(record_of(5, OLD_ROW, b"w", 1))
    with pytest.raises(ValueError, match="at the number 6"):
        record_of(6, head, workload, 1)


def test_a_head_of_the_first_version_is_read_and_written_as_one_of_the_second() -> None:
    record = record_of(5, OLD_ROW, b"w", 1)
    assert record == JobRecord(5, b"H:test:5", b"f", b"u", b"", b"w", 1, 2, 0.0, 1.8e9, 7, b"", 0)
    _, head, _ = row_of(record)
    assert head[0] == 2
    assert record_of(5, head, b"w", 1) == record


@pytest.mark.parametrize("number", [-5, 0, 2**62 + 1, 2**63 - 1])
def test_a_number_after_which_a_server_could_not_go_on_is_refused(number: int) -> None:
    _, head, _ = row_of(record_of(5, OLD_ROW, b"w", 1)._replace(number=number, handle=b"H:%d" % number))
    with pytest.raises(ValueError, match="number"):
        record_of(number, head, b"w", 1)
