"""The description of the API, as OpenAPI 3.1 has it; it is made of what requests are checked by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from starlette.responses import Response

from geartrain.version import __version__
from geartrain.web.answers import EVENTS, JSON, OCTETS, encoded
from geartrain.web.calls import Call
from geartrain.web.operations import Operation
from geartrain.web.problems import MEDIA_TYPE, TITLES
from geartrain.web.rows import PROBLEM
from geartrain.web.schemas import Schema, without

IN_BRACES: Final = re.compile(r"{(\w+)}")
NAMES: Final = {
    "handle": "The handle of a job",
    "name": "The name of a function, or of a schedule",
    "number": "The number of a connection",
}
PROBLEMS: Final = (400, 401, 403, 404, 405, 406, 409, 413, 415, 421, 500, 503, 504)


def described(operations: Iterable[Operation], base: str) -> Operation:
    """The operation that tells of all others, and of itself."""

    async def show_description(call: Call) -> Response:
        return Response(text, media_type=JSON)

    own = Operation(
        "GET", "/openapi.json", show_description, "This description", answers={200: {}}, free=True
    )
    text = encoded(description([*operations, own], base))
    return own


def description(operations: Iterable[Operation], base: str) -> dict[str, object]:
    paths: dict[str, dict[str, object]] = {}
    for operation in operations:
        path = paths.setdefault(operation.path, {})
        path[operation.method.lower()] = about(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Geartrain",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": base}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": PROBLEM},
            "responses": {f"Problem{status}": problem(status) for status in PROBLEMS},
        },
    }


def about(operation: Operation) -> dict[str, object]:
    """One operation."""
    names = IN_BRACES.findall(operation.path)
    told: dict[str, object] = {
        "operationId": "_".join(re.findall(r"[a-z]+", f"{operation.method} {operation.path}".lower())),
        "summary": operation.summary,
        "parameters": [
            *(parameter(name, "path", {"type": "string", "minLength": 1}, NAMES[name]) for name in names),
            *(
                parameter(name, "query", without(schema, "description"), str(schema["description"]))
                for name, schema in operation.parameters.items()
            ),
        ],
        "responses": answers(operation),
    }
    if operation.body is not None:
        told["requestBody"] = {"required": True, "content": bodies(operation, operation.body)}
    return told


def parameter(name: str, place: str, schema: Schema, summary: str) -> dict[str, object]:
    return {"name": name, "in": place, "required": place == "path", "description": summary, "schema": schema}


def bodies(operation: Operation, schema: Schema) -> Mapping[str, object]:
    content: dict[str, object] = {JSON: {"schema": schema}}
    if operation.raw_body:
        content[OCTETS] = {"schema": {}}
    return content


def answers(operation: Operation) -> dict[str, object]:
    told: dict[str, object] = {}
    for status, schema in operation.answers.items():
        if isinstance(schema, str):
            told[str(status)] = {"description": schema or "Done"}
        else:
            content = {kind: media(kind, schema) for kind in operation.kinds}
            told[str(status)] = {"description": operation.summary, "content": content}
    told |= {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in PROBLEMS}
    return told


def media(kind: str, schema: Schema) -> dict[str, object]:
    return {"schema": schema} if kind == JSON else {"schema": {"type": "string"}} if kind == EVENTS else {}


def problem(status: int) -> dict[str, object]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
