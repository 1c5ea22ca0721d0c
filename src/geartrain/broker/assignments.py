"""Jobs on their way to a worker: JOB_ASSIGN, and what comes first where only the store has the workload."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Final

from geartrain.broker.broker import Broker
from geartrain.broker.history import shown
from geartrain.broker.model import PRIORITIES, Connection, Job
from geartrain.broker.workloads import SHOW, SHOW_DEAD, shown_workload
from geartrain.protocol.commands import (
    GRAB_JOB,
    GRAB_JOB_ALL,
    GRAB_JOB_EXTENDED,
    JOB_ASSIGN,
    JOB_ASSIGN_ALL,
    JOB_ASSIGN_EXTENDED,
    JOB_ASSIGN_UNIQ,
    NO_JOB,
)
from geartrain.protocol.packet import PAYLOAD_LIMIT, response

NOTHING_TO_DO: Final = response(NO_JOB)
READ_AHEAD: Final = 64  # jobs of the same queue whose workloads are read with one that is wanted


def assignment(job: Job, command: int, workload: bytes, payload_limit: int) -> bytes:
    """The answer to a kind of GRAB_JOB that found a job."""
    if command == GRAB_JOB:
        return response(JOB_ASSIGN, job.handle, job.function.name, workload)
    if command == GRAB_JOB_EXTENDED:
        name = job.function.name
        return response(
            JOB_ASSIGN_EXTENDED, job.handle, name, job.unique, details(job, payload_limit), workload
        )
    if command == GRAB_JOB_ALL and job.reducer:
        return response(JOB_ASSIGN_ALL, job.handle, job.function.name, job.unique, job.reducer, workload)
    return response(JOB_ASSIGN_UNIQ, job.handle, job.function.name, job.unique, workload)


def details(job: Job, payload_limit: int) -> bytes:
    """What a worker is told of its job beyond Gearman's arguments, in JSON."""
    priority = PRIORITIES[job.priority]
    told = f'{{"attempt": {job.attempts + 1}, "priority": "{priority}", "submitted_at": {job.submitted_at}'
    limit = 0.0 if job.worker is None else job.function.time_limit(job.worker)
    if limit:
        told += f', "timeout": {limit}'
    if payload_limit != PAYLOAD_LIMIT:
        told += f', "max_payload": {payload_limit}'
    if job.reducer:
        told += f', "reducer": {json.dumps(job.reducer.decode("utf-8", "backslashreplace"))}'
    if job.metadata:
        told += f', "metadata": {job.metadata.decode()}'
    return told.encode() + b"}"


def fetch(broker: Broker, connection: Connection, job: Job, command: int) -> bytes:
    """What stands for the answer to a kind of GRAB_JOB until the store has given the workload."""
    placeholder = b"fetch %d %d" % (job.number, command)
    broker.fetches[placeholder] = job, command
    connection.promised = True
    want(broker, job)
    return placeholder


def want(broker: Broker, job: Job) -> None:
    """Have the workload read, and those of the next jobs in its queue as far as memory has room."""
    batch = broker.batch
    if batch is None:
        return
    batch.wanted[job.number] = None
    room = broker.rules.memory - broker.memory
    for following in islice(job.function.queues[job.priority].jobs, READ_AHEAD):
        if following.workload is None and following.queued:
            room -= following.size
            if room < 0:
                return
            batch.wanted[following.number] = None


def arrived(broker: Broker, workloads: Mapping[int, bytes | None]) -> dict[bytes, bytes]:
    """Workloads were read (None: they cannot be): the packets that placeholders stand for."""
    packets: dict[bytes, bytes] = {}
    for placeholder, (job, command) in list(broker.fetches.items()):
        if job.number not in workloads:
            continue
        del broker.fetches[placeholder]
        workload = workloads[job.number]
        if command == SHOW_DEAD:
            packets[placeholder] = shown(broker, job, workload)
        elif command == SHOW:
            packets[placeholder] = shown_workload(broker, job, workload)
        elif workload is None:
            packets[placeholder] = NOTHING_TO_DO
            set_aside(broker, job)
        else:
            packets[placeholder] = assignment(job, command, workload, broker.rules.payload_limit)
    for number, workload in workloads.items():
        take_in(broker, number, workload)
    return packets


def take_in(broker: Broker, number: int, workload: bytes | None) -> None:
    """Have a workload in memory that was read ahead or shown, if there is room."""
    job = broker.jobs.get(number)
    if job is None or not job.queued or job.workload is not None or workload is None:
        return
    if broker.memory + job.size <= broker.rules.memory:
        job.workload = workload
        broker.memory += job.size


def want_again(broker: Broker) -> None:
    """The store has not answered: ask with the next batch, too."""
    for job, _ in broker.fetches.values():
        want(broker, job)


def set_aside(broker: Broker, job: Job) -> None:
    """Do without a job whose workload cannot be read; what the store has of it stays there."""
    if job.number in broker.jobs:
        broker.damage.add([f"job {job.number}"])
        broker.note("job set aside, as its workload cannot be read from the store", job)
        job.background = False
        broker.cancel(job)
