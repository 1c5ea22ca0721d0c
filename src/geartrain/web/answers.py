"""The kinds of answers that there are."""

from __future__ import annotations

import json
from collections.abc import Mapping

from starlette.responses import Response

from geartrain.web.problems import MEDIA_TYPE, Problem


def encoded(value: object) -> bytes:
    """A value as JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")


def answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(encoded(value), status, headers, "application/json")


def told(problem: Problem) -> Response:
    """The answer that tells a problem."""
    return Response(encoded(problem.body()), problem.status, problem.headers, MEDIA_TYPE)
