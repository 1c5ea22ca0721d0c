"""Problems: what is answered where a request cannot be done, as RFC 9457 has it."""

from __future__ import annotations

from typing import Final

from geartrain.errors import ConnectionLost, GearmanError, ServerError, SettingsError

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
    413: "The request is too large",
    415: "The body is not of a kind that is read here",
    421: "The request is for another host",
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
}
"""By the code of the job server's ERROR; what is not here, it does not take for now."""


class Problem(Exception):
    """A request that cannot be done; ``details`` are further members of the answer."""

    def __init__(self, status: int, detail: str, **details: object) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.details = details
        self.headers: dict[str, str] = {}

    def body(self) -> dict[str, object]:
        """The members of the answer."""
        return {
            "type": "about:blank",
            "title": TITLES[self.status],
            "status": self.status,
            "detail": self.detail,
            **self.details,
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


def problem_of(error: GearmanError) -> Problem:
    """What is answered where the job server, or the way to it, refused."""
    if isinstance(error, ServerError):
        status = STATUSES.get(error.error_code, 503)
        return Problem(status, error.text, code=error.error_code)
    if isinstance(error, SettingsError):
        return Problem(400, str(error))
    if isinstance(error, ConnectionLost):
        return Problem(503, str(error))
    return Problem(503, str(error))
