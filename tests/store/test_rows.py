"""Jobs as rows: what was written is read, and what was not written so is refused."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.broker.batch import JobRecord
from geartrain.broker.rows import HEAD, record_of, row_of

names = st.binary(min_size=1, max_size=512)
records = st.builds(
    lambda number, handle, function, unique, reducer, workload, priority, run_at, submitted_at, attempts, metadata: (
        JobRecord(
            number,
            handle,
            function,
            unique,
            reducer,
            workload,
            len(workload),
            priority,
            run_at,
            submitted_at,
            attempts,
            metadata,
        )
    ),
    st.integers(1, 2**62),
    names,
    names,
    st.binary(max_size=8192),
    st.binary(max_size=64),
    st.binary(max_size=100),
    st.integers(0, 2),
    st.floats(0, 1e11),
    st.floats(0, 1e11),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=4096),
)


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
        assert row_of(record)[1] == head
