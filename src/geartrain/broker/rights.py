"""Rights: what each packet and each text command needs, where there are rules. docs/security.md shows these tables."""

from __future__ import annotations

from typing import Final, NamedTuple

from geartrain.broker.access import ADMIN, SUBMIT, VIEW, WORK
from geartrain.protocol import commands

NOTHING: Final = "-"  # needs no right
FUNCTION: Final = "the function"
JOB: Final = "the job's function"
LIST: Final = "each function in the list"  # what the peer has no right on is left out
SOME: Final = "any function"  # it is about the server
ABILITIES: Final = "all that the worker can do"
PATTERN: Final = "all that the name stands for"
SCHEDULE: Final = "the schedule's function"
UNKNOWN: Final = 0  # stands for the place of what is not among the words


class Need(NamedTuple):
    """What a peer needs: one of the rights, on what; ``place`` says which argument or word names that."""

    rights: int
    on: str
    place: int = UNKNOWN
    changes: bool = False  # the audit log tells of it


FREE: Final = Need(0, NOTHING)
SUBMITS: Final = Need(SUBMIT, FUNCTION)
OFFERS: Final = Need(WORK, FUNCTION)
ASKS: Final = Need(SUBMIT | VIEW | ADMIN, JOB)
READS: Final = Need(SUBMIT | VIEW, JOB, 1)
LISTS: Final = Need(VIEW, LIST)
ABOUT_SERVER: Final = Need(VIEW, SOME)
RULES: Final = Need(ADMIN, PATTERN, 1, True)
PLANS: Final = Need(ADMIN, SCHEDULE, 1, True)

PACKETS: Final[dict[int, Need]] = {
    commands.CAN_DO: OFFERS,
    commands.CANT_DO: FREE,
    commands.RESET_ABILITIES: FREE,
    commands.PRE_SLEEP: FREE,
    commands.SUBMIT_JOB: SUBMITS,
    commands.GRAB_JOB: FREE,
    commands.WORK_STATUS: FREE,
    commands.WORK_COMPLETE: FREE,
    commands.WORK_FAIL: FREE,
    commands.GET_STATUS: ASKS,
    commands.ECHO_REQ: FREE,
    commands.SUBMIT_JOB_BG: SUBMITS,
    commands.SUBMIT_JOB_HIGH: SUBMITS,
    commands.SET_CLIENT_ID: FREE,
    commands.CAN_DO_TIMEOUT: OFFERS,
    commands.ALL_YOURS: FREE,
    commands.WORK_EXCEPTION: FREE,
    commands.OPTION_REQ: FREE,
    commands.WORK_DATA: FREE,
    commands.WORK_WARNING: FREE,
    commands.GRAB_JOB_UNIQ: FREE,
    commands.SUBMIT_JOB_HIGH_BG: SUBMITS,
    commands.SUBMIT_JOB_LOW: SUBMITS,
    commands.SUBMIT_JOB_LOW_BG: SUBMITS,
    commands.SUBMIT_JOB_SCHED: Need(SUBMIT, FUNCTION, 0, True),
    commands.SUBMIT_JOB_EPOCH: SUBMITS,
    commands.SUBMIT_REDUCE_JOB: SUBMITS,
    commands.SUBMIT_REDUCE_JOB_BACKGROUND: SUBMITS,
    commands.GRAB_JOB_ALL: FREE,
    commands.GET_STATUS_UNIQUE: ASKS,
    commands.SUBMIT_JOB_EXTENDED: SUBMITS,
    commands.GET_RESULT: Need(SUBMIT | VIEW, JOB),
    commands.CANCEL_JOB: Need(SUBMIT | ADMIN, JOB, 0, True),
    commands.WORK_RETRY: FREE,
    commands.GRAB_JOB_EXTENDED: FREE,
    commands.WORK_TOO_LARGE: FREE,
}
"""By type, for every packet that a client or a worker sends. Only the worker that has a job is heard on it, so the
packets about running jobs need no right: what it runs when its right is taken away, it may end."""

VERBS: Final[dict[bytes, Need]] = {
    b"status": LISTS,
    b"prioritystatus": LISTS,
    b"workers": LISTS,
    b"maxqueue": RULES,
    b"getpid": ABOUT_SERVER,
    b"verbose": ABOUT_SERVER,
    b"version": FREE,
    b"show": LISTS,
    b"cancel": Need(SUBMIT | ADMIN, JOB, 2, True),
    b"create": Need(ADMIN, FUNCTION, 2, True),
    b"drop": Need(ADMIN, FUNCTION, 2, True),
    b"jobs": Need(VIEW, LIST, 1),
    b"job": Need(SUBMIT | VIEW | ADMIN, JOB, 1),
    b"find": LISTS,
    b"workload": Need(VIEW, JOB, 1),
    b"functions": Need(VIEW, LIST, 1),
    b"peers": LISTS,
    b"peer-drain": Need(ADMIN, ABILITIES, UNKNOWN, True),
    b"peer-resume": Need(ADMIN, ABILITIES, UNKNOWN, True),
    b"events": Need(VIEW, LIST, 2),
    b"stats": ABOUT_SERVER,
    b"store-reattach": Need(ADMIN, SOME, UNKNOWN, True),
    b"policy": Need(VIEW, PATTERN, 1),
    b"pause": RULES,
    b"drain": RULES,
    b"resume": RULES,
    b"purge": Need(ADMIN, LIST, 1, True),
    b"cancel-unique": Need(SUBMIT | ADMIN, FUNCTION, 1, True),
    b"dead": Need(VIEW, LIST, 1),
    b"dead-show": Need(VIEW, JOB, 1),
    b"dead-retry": Need(ADMIN, LIST, UNKNOWN, True),
    b"dead-discard": Need(ADMIN, LIST, UNKNOWN, True),
    b"result": READS,
    b"schedules": LISTS,
    b"schedule-add": PLANS,
    b"schedule-run": PLANS,
    b"schedule-remove": PLANS,
    b"schedule-pause": PLANS,
    b"schedule-resume": PLANS,
    b"pool": ABOUT_SERVER,
    b"geartrain-link": FREE,
}
"""By the first word, for every text command; ``geartrain-link`` wants a proof that one knows the pool's secret."""

POLICY_CHANGE: Final = RULES  # ``policy`` with JSON


def need_of(words: list[bytes]) -> Need:
    """What a line of text needs; what nobody knows needs nothing, and is refused as such."""
    verb = words[0].lower()
    if verb == b"policy" and len(words) > 2:
        return POLICY_CHANGE
    return VERBS.get(verb, FREE)
