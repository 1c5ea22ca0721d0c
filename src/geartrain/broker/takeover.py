"""Takeover: a broker goes on with what another one had begun, as far as peers and a store remember it."""

from __future__ import annotations

from typing import NamedTuple

from geartrain.broker.arguments import leading_number
from geartrain.broker.broker import Broker
from geartrain.broker.endings import abandon, is_unwanted
from geartrain.broker.model import Connection, Job, job_by_handle, number_of
from geartrain.broker.shards import pass_by
from geartrain.protocol.commands import WORK_COMPLETE, WORK_EXCEPTION, WORK_FAIL
from geartrain.protocol.packet import response


class Submit(NamedTuple):
    """What a client said when it submitted a job that it waits for."""

    function: bytes
    unique: bytes
    reducer: bytes
    workload: bytes
    priority: int
    metadata: bytes  # JSON, empty where there is none


# Handing out


def suspend(broker: Broker) -> None:
    """Hand out no job, wake nobody, and let no queued job end because it has waited too long."""
    broker.sleepers.suspended = True


def resume(broker: Broker) -> None:
    """Hand out jobs again: at the end of the turn those are woken who can have one."""
    broker.sleepers.suspended = False
    for function in broker.functions.values():
        if function.sleepers:
            broker.sleepers.call(function, function.ready(broker.now))


# Workers


def claim(broker: Broker, job: Job, worker: Connection) -> None:
    """A job that no worker has is one's that works on it already: no execution is counted, and no limit keeps it."""
    if job.queued and not job.is_epoch():
        job.function.queues[job.priority].extract(job)
    else:
        broker.withdraw(job)
    broker.assign(job, worker)


def move(job: Job, worker: Connection) -> None:
    """A running job is another connection's of the same worker."""
    if job.worker is not None:
        del job.worker.running[job.handle]
    job.worker = worker
    worker.running[job.handle] = job


def put_back(broker: Broker, job: Job) -> None:
    """A running job did not reach its worker: it is queued again, and no execution is counted."""
    if is_unwanted(job):
        return abandon(broker, job)
    broker.release(job)
    job.numerator = 0
    job.denominator = 0
    broker.make_ready(job)


def set_progress(job: Job, numerator: bytes, denominator: bytes) -> None:
    """How far a worker has come with a job."""
    job.numerator = leading_number(numerator) & 0xFFFFFFFF
    job.denominator = leading_number(denominator) & 0xFFFFFFFF


# Clients


def wait_again(broker: Broker, client: Connection, handle: bytes, submit: Submit) -> None:
    """A client waits for the job of a handle: that one, the same submitted again, or its last word if it is over."""
    job = job_by_handle(broker.jobs, handle)
    if job is not None:
        return broker.join(job, client)
    if is_unknown(broker, handle):
        return restore(broker, client, handle, submit)
    client.send(last_word(broker, client, handle))


def is_unknown(broker: Broker, handle: bytes) -> bool:
    """Whether there is no trace of a job, so that it may be submitted again under its handle."""
    number = number_of(handle)
    archive = broker.archive
    return bool(number) and not (number in broker.jobs or number in archive.dead or number in archive.results)


def equal_job(broker: Broker, handle: bytes, submit: Submit) -> Job | None:
    """The job that has taken the place of one of which there is no trace; None where there is no such job."""
    if not submit.unique or not is_unknown(broker, handle):
        return None
    return broker.function(submit.function).equal(submit.unique, submit.workload)


def restore(broker: Broker, client: Connection, handle: bytes, submit: Submit) -> None:
    """Queue a foreground job under the handle that it had; no limit refuses what was taken once."""
    function = broker.function(submit.function)
    job = Job(
        handle,
        function,
        submit.unique,
        submit.reducer,
        submit.workload,
        submit.priority,
        False,
        broker.clock,
        0.0,
    )
    job.number = number_of(handle)
    job.metadata = submit.metadata
    pass_by(broker, job.number)
    broker.join(job, client)
    broker.place(job)


def last_word(broker: Broker, client: Connection, handle: bytes) -> bytes:
    """How a job ended that cannot be run again: as its result says where one is kept, else badly."""
    result = broker.archive.results.get(number_of(handle))
    if result is not None and result.handle == handle:
        if result.state == "complete":
            return response(WORK_COMPLETE, handle, result.result)
        if result.state == "exception" and client.exceptions:
            return response(WORK_EXCEPTION, handle, result.result)
    return response(WORK_FAIL, handle)
