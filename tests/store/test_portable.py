"""What a store keeps as lines of JSON, and back."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geartrain.broker.batch import DeadRecord, Document, JobRecord, ResultRecord
from geartrain.store.portable import DeadJob, Item, item_of, line_of
from tests.store.jobs import record

NOW = 1.9e9

NAMES = st.binary(min_size=1, max_size=64).map(lambda data: data.replace(b"\0", b"x"))
TIMES = st.floats(0, 4e9)
NUMBERS = st.integers(1, 10**12)
TEXTS = st.text(st.characters(categories=["L", "N"]), min_size=1)


@st.composite
def jobs(draw: st.DrawFn) -> JobRecord:
    number = draw(NUMBERS)
    workload = draw(st.binary())
    return JobRecord(
        number,
        b"H:test:%d" % number,
        draw(NAMES),
        draw(NAMES | st.just(b"")),
        draw(NAMES | st.just(b"")),
        workload,
        len(workload),
        draw(st.sampled_from([0, 1, 2])),
        draw(TIMES),
        draw(TIMES),
        draw(st.integers(0, 2**32 - 1)),
        draw(
            st.sampled_from([b"", b'{"a":"b"}', b'{"a": "b"}', b'{"\\u00e4":""}', b"[]", b"no JSON", b"\xff"])
        ),
    )


@st.composite
def dead_jobs(draw: st.DrawFn) -> DeadJob:
    job = draw(jobs())
    return DeadJob(
        job, DeadRecord(job.number, draw(TEXTS), draw(st.binary()), draw(st.binary()), draw(TIMES))
    )


@st.composite
def results(draw: st.DrawFn) -> ResultRecord:
    job = draw(jobs())
    times = draw(st.tuples(TIMES, TIMES, TIMES, TIMES))
    return ResultRecord(
        job.number,
        job.handle,
        job.function,
        job.unique,
        draw(TEXTS),
        job.workload or b"",
        *times,
        draw(st.integers(0, 1000)),
        draw(st.binary()),
    )


ODD_TEXTS = st.binary().map(lambda data: data.decode("utf-8", "surrogateescape"))
DOCUMENTS = st.builds(Document, TEXTS, ODD_TEXTS, ODD_TEXTS)


@given(jobs() | dead_jobs() | results() | DOCUMENTS)
def test_every_item_comes_back_from_its_line(item: Item) -> None:
    line = line_of(item)
    assert line.count(b"\n") == 1
    assert item_of(line, NOW) == item


def test_text_is_text_and_what_is_none_is_in_base_64() -> None:
    job = record(3, b"caf\xc3\xa9", function=b"f\xff", metadata=b'{"a":"b"}', priority=0)
    assert json.loads(line_of(job)) == {
        "type": "job",
        "handle": "H:test:3",
        "function_base64": "Zv8=",
        "unique": "",
        "priority": "high",
        "workload": "café",
        "reducer": "",
        "run_at": None,
        "submitted_at": 1.8e9,
        "attempts": 0,
        "metadata": {"a": "b"},
    }


def test_a_job_needs_no_more_than_a_function() -> None:
    job = item_of(b'{"function": "f"}', NOW)
    assert job == record(0, b"", handle=b"", submitted_at=NOW)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "b'nonsense': expected a JSON object"),
        ("[1]", "[1]: expected a JSON object"),
        ("{}", "there is no function: expected one"),
        ('{"function": ""}', "function b'': expected 1 to 512 bytes without NUL"),
        ('{"function": "a\\u0000b"}', "expected 1 to 512 bytes without NUL"),
        ('{"function": 3}', "function 3: expected a text"),
        ('{"function": "\\udcff"}', "expected a text of whole characters"),
        ('{"function": "f", "workload_base64": "?"}', "workload_base64 '?': expected bytes in base 64"),
        ('{"function": "f", "priority": "urgent"}', "priority 'urgent': expected one of high, normal, low"),
        ('{"function": "f", "run_at": "soon"}', "run_at 'soon': expected Unix seconds"),
        ('{"function": "f", "run_at": NaN}', "run_at nan: expected Unix seconds"),
        ('{"function": "f", "submitted_at": true}', "submitted_at True: expected Unix seconds"),
        ('{"function": "f", "attempts": -1}', "attempts -1: expected a whole number from 0 to 4294967295"),
        ('{"function": "f", "attempts": 1.5}', "attempts 1.5: expected a whole number"),
        ('{"function": "f", "handle": "H:x"}', "handle b'H:x': expected one with a number at its end"),
        ('{"function": "f", "handle": "H:x:99999999999999999999"}', "expected one with a number at its end"),
        ('{"function": "f", "reason": 1}', "reason 1: expected a text"),
        ('{"function": "f", "worklaod": "x"}', "worklaod 'x': expected no such field"),
        ('{"type": "set-aside"}', "type 'set-aside': expected 'job', 'result' or 'document'"),
        ('{"type": "result", "function": "f"}', "there is no handle: expected one"),
        ('{"type": "document", "kind": "policy", "name": "f"}', "there is no text: expected one"),
    ],
)
def test_a_line_that_is_wrong_says_the_field_its_value_and_what_is_expected(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        item_of(line.encode(), NOW)
