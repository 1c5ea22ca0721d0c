"""Endings: what becomes of a job whose execution ended without a result, or that has waited too long."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from geartrain.broker.graveyard import bury
from geartrain.broker.lateness import remember_worker
from geartrain.broker.model import Job
from geartrain.broker.policy import NO_POLICY, Policy
from geartrain.broker.policy_fields import AGAIN
from geartrain.broker.results import keep_result
from geartrain.protocol.commands import WORK_EXCEPTION, WORK_FAIL
from geartrain.protocol.packet import response

if TYPE_CHECKING:
    from geartrain.broker.broker import Broker

NO_LIMIT: Final = -1
MOST_GROWTH: Final = 60  # times that a delay is multiplied: beyond it any is longer than the longest


def lose(broker: Broker, job: Job, reason: str) -> None:
    """The worker is gone ("lost") or too slow ("timeout"): run the job again, if anybody wants it and it may."""
    job.function.lost_at = broker.clock
    if reason == "lost":
        job.function.tally.lost += 1
    else:
        job.function.tally.timed_out += 1
    if broker.events is not None:
        broker.events.add(broker.clock, "lost" if reason == "lost" else "timed_out", job)
    if is_unwanted(job):
        return abandon(broker, job)
    if reason == "timeout":
        remember_worker(job)
    if not fail_execution(broker, job, reason):
        end_lost(broker, job, reason)


def end_lost(broker: Broker, job: Job, reason: str) -> None:
    """End a job whose worker was lost or too slow, and that may not run again."""
    why = server_limit(broker, job)
    broker.tell_failure(job)
    give_up(broker, job, reason, why, is_poison=why != b"")


def fail_execution(broker: Broker, job: Job, reason: str) -> bool:
    """An execution ended as "lost", "timeout", "fail" or "exception": whether the job runs again.

    Then its clients go on waiting; else the caller tells them and gives the job up. A late failure is one of an
    execution that has been counted, and of a job that waits already.
    """
    policy = job.function.policy or NO_POLICY
    if job.worker is None:
        job.losses = 0
        if broker.batch is not None and job.background:
            broker.batch.change(job)
        return may_run_again(broker, job, reason, policy)
    job.attempts += 1
    job.losses = job.losses + 1 if reason in AGAIN else 0
    if is_unwanted(job) or not may_run_again(broker, job, reason, policy):
        return False
    run_again(broker, job, delay_before(broker, policy, job.attempts), reason)
    return True


def may_run_again(broker: Broker, job: Job, reason: str, policy: Policy) -> bool:
    """Whether a job may have one more execution after one that ended for this reason."""
    if reason not in policy.on:
        return False
    if reason not in AGAIN:
        return (job.background or policy.foreground) and not is_used_up(job, policy.attempts or NO_LIMIT)
    if is_used_up(job, policy.attempts or broker.rules.job_retries):
        broker.note("dropped job due to max retry count", job)
        return False
    why = server_limit(broker, job)
    if why:
        broker.note(f"job ended: {why.decode()}", job)
    return not why


def server_limit(broker: Broker, job: Job) -> bytes:
    """Which limit of the server a job has reached whose workers are lost or too slow; empty for none.

    The attempts of a function's policy take the place of these limits, and --job-retries that of --max-lost.
    """
    rules = broker.rules
    if job.function.policy is not None and job.function.policy.attempts:
        return b""
    if rules.job_retries >= 0:
        text = b"worker lost or over its time limit, run %d times, --job-retries is %d"
        return text % (job.attempts, rules.job_retries) if is_used_up(job, rules.job_retries) else b""
    if 0 < rules.max_lost <= job.losses:
        text = b"worker lost or over its time limit %d times in a row, --max-lost is %d"
        return text % (job.losses, rules.max_lost)
    return b""


def is_used_up(job: Job, most: int) -> bool:
    """Whether a job has had so many executions; -1 is no limit, 0 the same as 1."""
    return 0 <= most <= job.attempts


def is_unwanted(job: Job) -> bool:
    """Whether nobody would hear of the job's result, or ever wanted it in the background."""
    return job.clients is None and not job.background


def abandon(broker: Broker, job: Job) -> None:
    """End a job that nobody wants any more."""
    job.function.tally.abandoned += 1
    if broker.events is not None:
        broker.events.add(broker.clock, "abandoned", job)
    broker.finish(job)


def delay_before(broker: Broker, policy: Policy, attempts: int) -> float:
    """Seconds until a job runs again that was tried so many times."""
    if not policy.delay:
        return 0.0
    delay = policy.delay * policy.factor ** min(attempts - 1, MOST_GROWTH)
    return min(delay, policy.max_delay) * (1 - policy.jitter * broker.random())


def run_again(broker: Broker, job: Job, delay: float, reason: str) -> None:
    """Queue a running job once more, in ``delay`` seconds, behind those that are there by then."""
    job.function.tally.retried += 1
    if broker.events is not None:
        broker.events.add(broker.clock, "retried", job, reason)
    broker.release(job)
    job.numerator = 0
    job.denominator = 0
    job.run_at = broker.clock + delay if delay or job.function.policy is not None else 0.0
    if delay:
        broker.delay(job, delay)
    else:
        broker.queue(job)
    if broker.batch is not None and job.background:
        broker.batch.change(job)


def retry_later(broker: Broker, job: Job, delay: float, error: bytes) -> bool:
    """A job's worker asks for another execution in ``delay`` seconds, whatever the policy says but for its attempts.

    False where those are used up, or where nobody wants the job: then it has ended badly, and its clients know.
    """
    policy = job.function.policy or NO_POLICY
    if job.worker is None:  # late: it waits for its next execution already
        return True
    job.attempts += 1
    job.losses = 0
    if is_unwanted(job):
        abandon(broker, job)
        return False
    if not is_used_up(job, policy.attempts or NO_LIMIT):
        run_again(broker, job, delay, "retry")
        return True
    if error:
        tell_exception(job, error)
    else:
        broker.tell_failure(job)
    give_up(broker, job, "exception" if error else "fail", error)
    return False


def tell_exception(job: Job, error: bytes) -> None:
    """WORK_EXCEPTION to everybody who waits and has asked for it, WORK_FAIL to the others."""
    exception = response(WORK_EXCEPTION, job.handle, error)
    failure = response(WORK_FAIL, job.handle)
    for client in job.clients or ():
        client.send(exception if client.exceptions else failure)


def expire(broker: Broker, job: Job) -> None:
    """A job has waited in its queue for longer than its function's policy lets it."""
    broker.tell_failure(job)
    give_up(broker, job, "ttl", b"")


def give_up(broker: Broker, job: Job, reason: str, error: bytes, is_poison: bool = False) -> None:
    """End a job badly and for good, where that has been said: keep of it what its function's policy says.

    Poison is a job that the server ended for what it did to its workers: it is a dead letter unless the policy says
    that there are to be none.
    """
    policy = job.function.policy or NO_POLICY
    job.function.tally.failed += 1
    if broker.events is not None:
        broker.events.add(broker.clock, "failed", job, reason)
    if not job.background:
        return broker.finish(job)
    keep_result(broker, job, "exception" if reason == "exception" else "failed", error)
    if policy.dead_letter or (is_poison and policy.dead_letter is None):
        bury(broker, job, reason, error)
    else:
        broker.finish(job)
