"""What a job carries, as text commands show it: of live jobs and dead letters, also where only the store has it."""

from __future__ import annotations

import codecs
from typing import Final

from geartrain.broker.answers import json_lines, text
from geartrain.broker.broker import Broker
from geartrain.broker.model import Job, job_by_handle, number_of

MOST_SHOWN: Final = 64 * 1024  # bytes of a workload or an error
SHOW_DEAD: Final = 0  # stand beside kinds of GRAB_JOB: ``dead-show`` asks for a workload
SHOW: Final = -1  # ``workload`` does


def workload(broker: Broker, words: list[bytes]) -> bytes:
    """``workload HANDLE``: what a live job or a dead letter carries, or no line where there is none of that handle."""
    job = known(broker, words[1]) if len(words) > 1 else None
    if job is None:
        return json_lines([])
    if job.workload is None and broker.batch is not None:
        return fetch_shown(broker, job, SHOW)
    return shown_workload(broker, job, job.workload)


def known(broker: Broker, handle: bytes) -> Job | None:
    """The job of a handle, alive or dead."""
    job = job_by_handle(broker.jobs, handle)
    if job is not None:
        return job
    letter = broker.archive.dead.get(number_of(handle))
    return letter.job if letter is not None and letter.job.handle == handle else None


def fetch_shown(broker: Broker, job: Job, question: int) -> bytes:
    """What stands for an answer until the store has given the workload."""
    broker.archive.questions += 1
    placeholder = b"show %d %d" % (job.number, broker.archive.questions)
    broker.fetches[placeholder] = job, question
    if broker.batch is not None:
        broker.batch.wanted[job.number] = None
    return placeholder


def shown_workload(broker: Broker, job: Job, workload: bytes | None) -> bytes:
    """The answer to ``workload``, if the job is there still; a workload that cannot be read is null."""
    if known(broker, job.handle) is None:
        return json_lines([])
    row: dict[str, object] = {
        "handle": text(job.handle),
        "function": text(job.function.name),
        "workload_bytes": job.size,
    }
    return json_lines([row | payload("workload", workload, MOST_SHOWN)])


def payload(name: str, value: bytes | None, most: int) -> dict[str, object]:
    """The first bytes of a payload as text, or in base64 where they are no UTF-8; null where there is none."""
    if value is None:
        return {name: None}
    begun = value[:most]
    try:
        shown, _ = codecs.utf_8_decode(begun, "strict", len(begun) == len(value))
    except UnicodeDecodeError:
        return {f"{name}_base64": codecs.encode(begun, "base64").replace(b"\n", b"").decode("ascii")}
    return {name: shown}
