"""Problems: what is answered where a request cannot be done, as RFC 9457 has it."""

from __future__ import annotations

import re
from typing import Final

from geartrain.errors import GearmanError, ServerError, SettingsError

MEDIA_TYPE: Final = "application/problem+json"
SHOWN: Final = 200  # characters of a value that a problem shows

TITLES: Final = {
    400: "The request has something wrong in it",
    401: "Nobody knows who you are",
    403: "You may not do this",
    404: "There is nothing of that name",
    405: "This cannot be done here",
    406: "There is no answer of that kind",
    409: "It is not in a state for that",
    413: "Something is too large",
    415: "The body is not of a kind that is read here",
    421: "The request is for another host",
    500: "The server has a fault",
    503: "The server does not take this for now",
    504: "It is not done in time",
}
"""What is the same for all problems of a status."""

STATUSES: Final = {
    "INVALID_ARGUMENT": 400,
    "INVALID_ARGUMENTS": 400,
    "INVALID_FUNCTION_NAME": 400,
    "ARGUMENT_TOO_LARGE": 413,
    "PERMISSION_DENIED": 403,
    "UNKNOWN_JOB": 404,
    "JOB_NOT_FOUND": 404,
    "UNKNOWN_SCHEDULE": 404,
    "UNKNOWN_FUNCTION": 404,
}
"""By the code of the job server's ERROR; what is not here, it does not take for now."""

REFUSALS: Final = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r".*there is no key (?P<name>'.+') \(its value is (?P<value>.+)\); expected (?P<expected>.+)",
        r"(?P<name>.+?) wants (?P<expected>.+), got (?P<value>.+)",
        r"(?P<name>[\w ]+) (?P<value>.+?)[:,] expected (?P<expected>.+)",
    )
)
"""How the job server words what is wrong with a value."""


class Problem(Exception):
    """A request that cannot be done; ``members`` are more of the answer."""

    def __init__(self, status: int, detail: str, **members: object) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.members = members
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, object]:
        """What is answered."""
        return {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
            **self.members,
        }


def wrong(name: str, value: object, expected: str, status: int = 400) -> Problem:
    """What is answered to a value that cannot be."""
    shown = value if isinstance(value, int | float | bool | None) else str(value)[:SHOWN]
    return Problem(
        status, f"{name} wants {expected}, got {shown!r}", name=name, value=shown, expected=expected
    )


def not_found(name: str, value: str, expected: str) -> Problem:
    """What is answered to a name that nothing has."""
    return wrong(name, value, expected, 404)


def as_word(name: str, value: str) -> str:
    """A name that can be a word of a text command; to others there is no way, so they are not found."""
    if "\0" in value:
        raise not_found(name, value, "a name without NUL")
    return value


def problem_of(error: GearmanError) -> Problem:
    """What is answered where the job server, or the way to it, refused."""
    if isinstance(error, SettingsError):
        return worded(400, str(error))
    if isinstance(error, ServerError):
        problem = worded(STATUSES.get(error.error_code, 503), error.text)
        problem.members["code"] = error.error_code
        return problem
    return Problem(503, str(error))


def worded(status: int, text: str) -> Problem:
    """A problem in the job server's words, with the name, the value and what was expected taken out of them."""
    for pattern in REFUSALS if status < 500 else ():
        match = pattern.fullmatch(text)
        if match is not None:
            name = match["name"].split()[-1].strip("'")  # behind the place
            return Problem(status, text, name=name, value=match["value"][:SHOWN], expected=match["expected"])
    return Problem(status, text)
