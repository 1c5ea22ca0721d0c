"""The documents say what is true: every code block of every page is followed, in a network and a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.documents.blocks import blocks_of
from tests.support.machine import require, require_success

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
APART = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
LANGUAGES_OF_PROGRAMS = {"php": "php", "perl": "perl"}
Followers = Mapping[Path, Future[subprocess.CompletedProcess[str]]]


@pytest.fixture(scope="module")
def followers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Followers]:
    """The pages that are tested, on their way: as many at a time as there are processors."""
    require("unshare")
    require_success("a network of one's own (unshare --net)", *APART, "true")
    pages = [
        Path(str(item.callspec.params["page"]))
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.function is test_who_does_what_a_page_says_gets_what_it_says
    ]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {page: pool.submit(follow, page, tmp_path_factory.mktemp(page.stem)) for page in pages}
        pool.shutdown(cancel_futures=True)


def follow(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    followed = subprocess.run(
        [*APART, sys.executable, "-m", "tests.documents.follow", str(page), str(folder)],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    shutil.rmtree(folder)
    return followed


@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_who_does_what_a_page_says_gets_what_it_says(page: Path, followers: Followers) -> None:
    for block in blocks_of(page):
        if block.language in LANGUAGES_OF_PROGRAMS and block.verb not in ("elsewhere", "shape"):
            require(LANGUAGES_OF_PROGRAMS[block.language])
    followed = followers[page].result()
    assert followed.returncode == 0, followed.stderr


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    for target, place in LINK.findall(page.read_text()):
        linked = (page.parent / target) if target else page
        assert linked.exists(), f"{page.name} links to {target}"
        if place and linked.suffix == ".md":
            assert place in places_of(linked), f"{page.name} links to {target}#{place}"


def places_of(page: Path) -> set[str]:
    """What a link to a heading of a page may end with."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
