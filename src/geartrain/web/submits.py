"""What is submitted: a job as the API has it, and the packets that it becomes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final
from uuid import uuid4

from geartrain.protocol.client import ClientProtocol
from geartrain.protocol.commands import SET_CLIENT_ID, SUBMIT_JOB_EXTENDED
from geartrain.protocol.packet import request
from geartrain.protocol.submission import Priority, name, submission
from geartrain.protocol.task import Pending, Task
from geartrain.web.ports import Inside
from geartrain.web.problems import wrong
from geartrain.web.schemas import Schema, apart, choice, flag, mapping, members, named, number, span, text

NO_NUL: Final = "^[^\\x00]*$"
PRIORITIES: Final = tuple(priority.name.lower() for priority in Priority)
LONGEST_WAIT: Final = 24 * 3600.0  # seconds
NAME: Final = b"http"  # of a client that came so, in lists

FUNCTION: Final = named("The name of a function", minLength=1, maxLength=512, pattern=NO_NUL)
HOW: Final[Mapping[str, Schema]] = {
    "unique": named("Jobs of a function that have the same are one", maxLength=255, pattern=NO_NUL),
    "priority": choice("Which of the function's queues it waits in", *PRIORITIES),
    "run_at": number("Unix time in seconds before which it does not run"),
    "delay": span("The time from now in which it does not run"),
    "reducer": named("The function that puts the parts of its result together", maxLength=64, pattern=NO_NUL),
}
WAITING: Final[Mapping[str, Schema]] = {
    "wait": span("The time in which the result is waited for", most=LONGEST_WAIT),
    "background": flag("With wait: the job stays when nobody waits for it any more"),
}
WHAT: Final[Mapping[str, Schema]] = {
    "workload": text("What is to be done"),
    "workload_base64": text("The same in base64, for what is no text", contentEncoding="base64"),
    "metadata": mapping("What is kept with the job and told to its worker", text("A text")),
}
NOT_BOTH: Final = ("workload", "workload_base64")

JOB: Final = apart(members({"function": FUNCTION, **WHAT, **HOW}, "function"), NOT_BOTH)
SUBMIT: Final = apart(members({"function": FUNCTION, **WHAT, **HOW, **WAITING}, "function"), NOT_BOTH)
PARAMETERS: Final[Mapping[str, Schema]] = {"function": FUNCTION, **HOW, **WAITING}
"""Those of a submit whose body is the workload."""


def is_due_later(fields: Mapping[str, object]) -> bool:
    """Whether a job has a time of its own; such a one is in the background."""
    return "run_at" in fields or "delay" in fields


def with_unique(fields: Mapping[str, object]) -> Mapping[str, object]:
    """The fields of a job that can be submitted twice and is one."""
    return fields if fields.get("unique") else {**fields, "unique": f"http-{uuid4()}"}


def task_of(fields: Mapping[str, object], workload: bytes, background: bool) -> Task:
    """The task that the fields of a submit describe."""
    function = name(str(fields["function"]), "function")
    unique = name(str(fields.get("unique", "")), "unique")
    priority = str(fields.get("priority", "normal"))
    options = options_of(fields, background)
    if options:
        options |= {"background": background, "priority": priority}
        packet = request(SUBMIT_JOB_EXTENDED, function, unique, json.dumps(options).encode(), workload)
    else:
        packet = submission(function, unique, workload, PRIORITIES.index(priority), background, None)
    return Task(function, unique, b"", packet, background, 0)


def options_of(fields: Mapping[str, object], background: bool) -> dict[str, object]:
    """What only the extension's submit can say."""
    options = {name: fields[name] for name in ("reducer", "metadata") if fields.get(name)}
    if background:
        options |= {name: fields[name] for name in ("run_at", "delay") if fields.get(name)}
    return options


def workload_of(fields: Mapping[str, object], place: str = "") -> bytes:
    """The workload among the fields of a job; raises Problem where it is none."""
    given = fields.get("workload_base64")
    if given is None:
        return str(fields.get("workload", "")).encode()
    return from_base64(str(given), f"{place}workload_base64")


def from_base64(given: str, name: str) -> bytes:
    """The bytes that a text in base64 stands for; raises Problem."""
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise wrong(name, given, "base64") from None


class Submitter:
    """A client of the job server within its process."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.protocol = ClientProtocol("the server", True)
        self.protocol.outgoing.append(request(SET_CLIENT_ID, NAME))
        self.protocol.ask_extension()

    def submit(self, task: Task) -> None:
        """Submit a job, when ``say`` is called."""
        self.protocol.submit(task)

    def say(self) -> None:
        """Say what is submitted."""
        self.inside.say(self.protocol.take_outgoing())

    async def hear(self) -> None:
        """Take what the server says next."""
        self.protocol.receive(await self.inside.hear())

    async def answered(self, *tasks: Pending) -> None:
        """Wait until the server has answered, if only with a refusal."""
        self.say()
        while not all(task.answered for task in tasks):
            await self.hear()


def handle_of(task: Task) -> str:
    """The handle of a job that the server took; raises why it did not."""
    if task.error is not None and not task.handle:  # one that has failed by now was taken
        raise task.error
    return task.handle.decode("utf-8", "backslashreplace")
