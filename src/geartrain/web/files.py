"""The page's files, in memory: they are few, and the server may not be able to read them once it is another user."""

from __future__ import annotations

import hashlib
from mimetypes import MimeTypes
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from geartrain.web.answers import told
from geartrain.web.problems import not_found, wrong

PAGE: Final = Path(__file__).parent / "page"
TYPES: Final = MimeTypes(())  # the library's own table: that of the machine may say anything
INDEX: Final = "index.html"
TEXTS: Final = ("text/", "application/json", "image/svg")


class File(NamedTuple):
    """A file as it is sent."""

    content: bytes
    kind: str
    tag: str  # what its ETag is


def kind_of(name: str) -> str:
    kind = TYPES.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith(TEXTS) else kind


def read_page() -> dict[str, File]:
    """All files of the page by their paths."""
    files = {}
    for path in sorted(PAGE.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            files[path.relative_to(PAGE).as_posix()] = File(content, kind_of(path.name), tag)
    return files


FILES: Final = read_page()


async def page(request: Request) -> Response:
    """The page itself."""
    return sent(request, FILES[INDEX])


async def static(request: Request) -> Response:
    """A file of the page."""
    path = str(request.path_params["path"])
    file = FILES.get(path)
    if file is None:
        return told(not_found("path", path, "a file of the page"))
    return sent(request, file)


def sent(request: Request, file: File) -> Response:
    """A file, or that it is what the browser has."""
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.method not in ("GET", "HEAD"):
        return told(wrong("method", request.method, "GET or HEAD", 405))
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(None, 304, headers)
    return Response(file.content, 200, headers, file.kind)
