"""What a broker does for a store: take back the jobs it kept, and hand over what it must keep."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from geartrain.broker.archive import DeadLetter
from geartrain.broker.batch import Batch, Document, JobRecord, Kept, record_of
from geartrain.broker.broker import Broker
from geartrain.broker.gates import apply_policies
from geartrain.broker.model import ASKED, CONTENT, KEPT, Job
from geartrain.broker.results import put
from geartrain.broker.schedule_fields import kept_text
from geartrain.broker.schedules import FILE
from geartrain.broker.shards import pass_by
from geartrain.broker.ticks import SCHEDULE, TICK, recall, take_back_schedules
from geartrain.errors import SettingsError
from geartrain.protocol.documents import MOST_KEPT, read_object

RESERVE: Final = (
    100_000  # handles that may be given before the store hears of it; after a crash they are left out
)
PIECE: Final = 500  # jobs or results of a batch that makes a store anew
PIECE_BYTES: Final = 16 * 1024 * 1024  # of workloads of such a batch


def adopt(broker: Broker, kept: Kept) -> None:
    """Have what a store kept: jobs are queued under the handles they had, and new handles go on after them."""
    archive = broker.archive
    for document in kept.documents:
        if document.kind == "policy":
            adopt_policy(broker, document)
        else:
            recall(broker, document)
    for letter in kept.dead:
        archive.read[letter.number] = letter
    for record in kept.jobs:
        job = job_of(broker, record)
        dead = archive.read.pop(job.number, None)
        if dead is None:
            pass_by(broker, job.number)
            broker.place(job)
        else:
            archive.bury(DeadLetter(job, dead))
    for result in kept.results:
        put(broker, result)
    pass_by(broker, kept.last_number)
    broker.notices += kept.notices
    broker.damage.add(kept.damaged)


def adopt_policy(broker: Broker, document: Document) -> None:
    """Let what was set of a function's policy hold again, if it can be understood."""
    try:
        broker.policies.set(document.name, read_object(document.text, MOST_KEPT))
    except (ValueError, SettingsError) as error:
        broker.notices.append(f"policy set aside, as it cannot be read: {error}")
    apply_policies(broker)


def job_of(broker: Broker, record: JobRecord) -> Job:
    """A job as it was."""
    job = Job(
        record.handle,
        broker.function(record.function),
        record.unique,
        record.reducer,
        record.workload,
        record.priority,
        True,
        record.submitted_at,
        record.run_at,
    )
    job.number = record.number
    job.size = record.size
    job.attempts = record.attempts
    job.losses = record.losses
    job.metadata = record.metadata
    job.kept = KEPT
    pass_by(broker, record.number)
    return job


def take_batch(broker: Broker) -> Batch:
    """What the store has to keep by now; the next batch begins."""
    batch = broker.batch or Batch()
    broker.batch = Batch()
    batch.seal()
    for job in batch.added.values():
        job.kept = ASKED
    if wants_numbers(broker):
        broker.reserved = batch.last_number = broker.last_handle + RESERVE * broker.step
    return batch


def wants_numbers(broker: Broker) -> bool:
    """Whether the store must soon hear how far the numbers have come."""
    return broker.last_handle + RESERVE // 2 * broker.step > broker.reserved


def keep(broker: Broker, batch: Batch) -> None:
    """The store has all of a batch: workloads that memory has no room for stay there."""
    growing = broker.batch
    for number, job in batch.added.items():
        job.kept = KEPT
        if growing is not None and number in growing.added:
            # It was submitted once more meanwhile: should the next batch fail, the job is kept all the same.
            del growing.added[number]
            growing.change(job)
    if broker.memory > broker.rules.memory:
        for job in batch.added.values():
            leave_to_store(broker, job)


def leave_to_store(broker: Broker, job: Job) -> None:
    """Let only the store have the workload of a queued job, if memory is short."""
    if broker.memory <= broker.rules.memory or job.number not in broker.jobs or job.unique == CONTENT:
        return
    if job.workload is not None:
        broker.memory -= job.size
        job.workload = None


def take_back(broker: Broker, batch: Batch, partly: bool = False) -> None:
    """A batch was not kept: its jobs end, but for clients who wait for them, and the rest is still to do.

    ``partly``: what it removed is done. A job that was submitted once more since is in the next batch too, and lives or
    ends with that; the job of a schedule's tick is in it anyway, as its mark is.
    """
    growing = broker.batch if broker.batch is not None else Batch()
    take_back_schedules(broker, batch)
    for number, job in batch.added.items():
        if number in batch.owed and (number in broker.jobs or number in broker.archive.dead):
            growing.owed[number] = None
            growing.add(job)
        if number in growing.added:
            continue
        if broker.archive.unearth(number):
            growing.buried.pop(number, None)
        if broker.jobs.get(number) is not job:
            continue
        job.background = False
        if job.clients is None:
            broker.cancel(job)
    if partly:
        batch.leave_out_ends()
    growing.take_over(batch)
    broker.reserved = 0


# All that a store should have


def everything(broker: Broker) -> Iterator[Batch]:
    """All that a store should have by now, in sealed batches for one that is empty.

    The broker may go on between two of them: the next batch has what changed since the first.
    """
    made = Batch()
    for document in documents(broker):
        made.set(*document)
    yield made
    results = list(broker.archive.results.values())
    for start in range(0, len(results), PIECE):
        made = Batch()
        made.results = results[start : start + PIECE]
        yield made
    yield from jobs_in_pieces(broker)


def jobs_in_pieces(broker: Broker) -> Iterator[Batch]:
    """The jobs that a store has been told to keep, dead ones among them."""
    made = Batch()
    size = 0
    for number in sorted([*broker.jobs, *broker.archive.dead]):
        job = known_job(broker, number)
        if job is None or job.kept != KEPT:
            continue
        made.records.append(record_of(job, job.workload))
        size += job.size
        letter = broker.archive.dead.get(number)
        if letter is not None:
            made.buried[number] = letter.record
        if len(made.records) >= PIECE or size >= PIECE_BYTES:
            yield made
            made = Batch()
            size = 0
    yield made


def known_job(broker: Broker, number: int) -> Job | None:
    """The job of a number, dead or alive; None where the broker has none."""
    letter = broker.archive.dead.get(number)
    return broker.jobs.get(number) if letter is None else letter.job


def documents(broker: Broker) -> Iterator[Document]:
    """All that an operator has set, as it is kept."""
    for name in broker.policies.set_later:
        yield Document("policy", name, json.dumps(broker.policies.at_run_time(name)))
    for name, schedule in broker.schedules.by_name.items():
        if schedule.origin != FILE:
            yield Document(SCHEDULE, name, kept_text(schedule.definition, schedule.origin))
    for name, mark in broker.schedules.marks.items():
        yield Document(TICK, name, mark.text())
