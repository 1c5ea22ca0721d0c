"""Submitting jobs."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import SUBMIT_JOB_EXTENDED
from geartrain.protocol.packet import request
from geartrain.protocol.task import Task
from geartrain.web.answers import answer
from geartrain.web.calls import Call
from geartrain.web.ports import Inside
from geartrain.web.problems import wrong
from geartrain.web.schemas import Schema, choice, members, text

NAME: Final = "^[^\\x00]*$"
SUBMIT: Final[Schema] = members(
    {
        "function": text("Who is to do it", minLength=1, maxLength=512, pattern=NAME),
        "workload": text("What is to be done"),
        "workload_base64": text("The same in base64, where it is no text"),
        "unique": text("Equal jobs of a function share it", maxLength=255, pattern=NAME),
        "priority": choice("Its queue", "high", "normal", "low"),
    },
    "function",
)


class Submitter:
    """A client of the job server within it."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.protocol = ClientProtocol("the server", True)
        self.protocol.ask_extension()

    def submit(self, task: Task) -> None:
        self.protocol.submit(task)

    async def answered(self, task: Task) -> None:
        """Wait until the server has the job; raises why it does not take it."""
        self.inside.say(self.protocol.take_outgoing())
        while not task.answered:
            self.protocol.receive(await self.inside.hear())
        if task.error is not None:
            raise task.error


def task_of(fields: Mapping[str, object]) -> Task:
    """The task that the fields of a submit describe."""
    function = str(fields["function"]).encode()
    unique = str(fields.get("unique", "")).encode()
    options = {"background": True, "priority": fields.get("priority", "normal")}
    packet = request(SUBMIT_JOB_EXTENDED, function, unique, json.dumps(options).encode(), workload_of(fields))
    return Task(function, unique, b"", packet, True, 0)


def workload_of(fields: Mapping[str, object]) -> bytes:
    if "workload_base64" not in fields:
        return str(fields.get("workload", "")).encode()
    given = str(fields["workload_base64"])
    if "workload" in fields:
        raise wrong("workload_base64", given, "to be left out beside workload")
    try:
        return base64.b64decode(given, validate=True)
    except binascii.Error:
        raise wrong("workload_base64", given, "base64") from None


async def submit_job(call: Call) -> Response:
    submitter = Submitter(call.enter())
    task = task_of(call.body)
    submitter.submit(task)
    await submitter.answered(task)
    handle = task.handle.decode("utf-8", "backslashreplace")
    return answer({"handle": handle}, 202)
