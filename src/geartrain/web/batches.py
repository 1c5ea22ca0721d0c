"""Submitting many jobs at once."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, cast

from starlette.responses import Response

from geartrain.errors import GearmanError
from geartrain.protocol.task import Task
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.operations import Operation
from geartrain.web.problems import problem_of, wrong
from geartrain.web.rows import HANDLE, PROBLEM, listed
from geartrain.web.schemas import listing, members
from geartrain.web.submits import JOB, Submitter, handle_of, task_of, workload_of

MOST_JOBS: Final = 1000
AT_ONCE: Final = 50  # jobs of one turn: those of others have to move meanwhile


async def submit_jobs(call: Call) -> Response:
    """What is wrong with one refuses all; what the server refuses, it refuses for each."""
    jobs = cast(Sequence[Mapping[str, object]], call.body["jobs"])
    tasks: list[Task] = []
    for number, fields in enumerate(jobs):
        workload = workload_of(fields, f"jobs[{number}].")
        if len(workload) > call.around.max_workload:
            most = f"at most {call.around.max_workload} bytes"
            raise wrong(f"jobs[{number}].workload", len(workload), most, 413)
        tasks.append(task_of(fields, workload, True))
        if number % AT_ONCE == 0:
            await asyncio.sleep(0)
    submitter = Submitter(call.enter())
    for begin in range(0, len(tasks), AT_ONCE):
        some = tasks[begin : begin + AT_ONCE]
        for task in some:
            submitter.submit(task)
        await submitter.answered(*some)
    return answer({"jobs": [told(task) for task in tasks]})


def told(task: Task) -> dict[str, object]:
    """What became of one of the jobs."""
    try:
        return {"handle": handle_of(task)}
    except GearmanError as error:
        return {"error": problem_of(error).body()}


OPERATIONS: Final = (
    Operation(
        "POST",
        "/jobs/batch",
        submit_jobs,
        "Submit jobs in the background",
        body=members({"jobs": listing("The jobs", JOB, 1, MOST_JOBS)}, "jobs"),
        answers={200: listed("jobs", members({"handle": HANDLE, "error": PROBLEM}))},
    ),
)
