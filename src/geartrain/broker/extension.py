"""The extension: what a connection whose OPTION_REQ ``geartrain`` was granted may ask, one function for each packet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from geartrain.broker.arguments import leading_number, without_nul
from geartrain.broker.endings import retry_later
from geartrain.broker.fate import fate
from geartrain.broker.model import job_by_handle
from geartrain.broker.recurring import cancel_recurring
from geartrain.broker.refusals import NO_SUCH_RETRY
from geartrain.broker.submit_options import submit_options
from geartrain.errors import SettingsError
from geartrain.protocol.commands import (
    CANCEL_JOB,
    CANCEL_RES,
    GET_RESULT,
    GRAB_JOB_EXTENDED,
    RESULT_RES,
    SUBMIT_JOB_EXTENDED,
    WORK_RETRY,
    WORK_TOO_LARGE,
)
from geartrain.protocol.packet import response

if TYPE_CHECKING:
    from geartrain.broker.session import Session


def submit_job_extended(session: Session, arguments: list[bytes]) -> None:
    """A submit that joins another job leaves that one's metadata and its time as they are."""
    try:
        options = submit_options(arguments[2])
    except SettingsError as error:
        return session.refuse(b"INVALID_ARGUMENT", str(error).encode("utf-8", "backslashreplace"))
    client = None if options.background else session.connection
    broker = session.broker
    before = broker.last_handle
    counted = broker.clock + options.delay
    run_at = max(counted, options.run_at) if options.delay else options.run_at
    session.submit(
        arguments[0], arguments[1], options.reducer, arguments[3], options.priority, client, run_at
    )
    if broker.last_handle > before:
        job = broker.jobs[broker.last_handle]
        job.metadata = options.metadata
        if options.delay and run_at == counted > broker.clock:
            broker.count_down(job, options.delay)


def get_result(session: Session, arguments: list[bytes]) -> None:
    handle = without_nul(arguments[0])
    session.connection.send(response(RESULT_RES, handle, *fate(session.broker, handle)))


def cancel_job(session: Session, arguments: list[bytes]) -> None:
    handle = without_nul(arguments[0])
    job = job_by_handle(session.broker.jobs, handle)
    if job is not None:
        session.broker.cancel(job)
    known = job is not None or cancel_recurring(session.broker, handle)
    if known and session.broker.batch is not None:
        session.connection.promised = True
    session.connection.send(response(CANCEL_RES, handle, b"cancelled" if known else b"unknown"))


def work_retry(session: Session, arguments: list[bytes]) -> None:
    job = session.running(arguments[0], NO_SUCH_RETRY)
    if job is None:
        return
    if arguments[2] and session.broker.events is not None:
        session.broker.events.add(session.broker.clock, "exception", job, "", arguments[2])
    retry_later(session.broker, job, max(0, leading_number(arguments[1])) / 1000, arguments[2])


def work_too_large(session: Session, arguments: list[bytes]) -> None:
    session.too_large(arguments[0], arguments[1])


def grab_job_extended(session: Session, arguments: list[bytes]) -> None:
    session.grab(GRAB_JOB_EXTENDED)


REQUESTS: Final[dict[int, Callable[[Session, list[bytes]], None]]] = {
    SUBMIT_JOB_EXTENDED: submit_job_extended,
    GET_RESULT: get_result,
    CANCEL_JOB: cancel_job,
    WORK_RETRY: work_retry,
    GRAB_JOB_EXTENDED: grab_job_extended,
    WORK_TOO_LARGE: work_too_large,
}
