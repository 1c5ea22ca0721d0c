"""The page's files: whole, small, and without what the content policy forbids or a network would have to bring."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import geartrain

PAGE = Path(geartrain.__file__).parent / "web" / "page"
MODULES = [path for path in sorted(PAGE.rglob("*.js")) if "vendor" not in path.parts]
STYLES = sorted((PAGE / "style").glob("*.css"))
INDEX = (PAGE / "index.html").read_text()
IMPORT = re.compile(r"(?:from|import) '([^']+)'")
LINES_OF_A_FILE = 400


def named(path: Path) -> str:
    return path.relative_to(PAGE).as_posix()


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_imports_only_files_that_there_are(module: Path) -> None:
    for imported in IMPORT.findall(module.read_text()):
        assert imported.startswith("."), f"{imported} is no path: browsers need one"
        assert (module.parent / imported).resolve().is_file(), f"{imported} is not there"


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_is_imported_by_another_or_begun_by_the_index(module: Path) -> None:
    imported = {
        (other.parent / path).resolve() for other in MODULES for path in IMPORT.findall(other.read_text())
    }
    assert module in imported or f"static/{named(module)}" in INDEX


@pytest.mark.parametrize("file", [*MODULES, *STYLES], ids=named)
def test_a_file_says_what_it_is_and_is_not_longer_than_400_lines(file: Path) -> None:
    text = file.read_text()
    assert text.startswith(("// ", "/* "))
    assert len(text.splitlines()) <= LINES_OF_A_FILE


@pytest.mark.parametrize("file", [*MODULES, *STYLES, PAGE / "index.html"], ids=named)
def test_a_file_names_no_other_site(file: Path) -> None:
    assert not re.search(r"https?://|//[a-z]+\.[a-z]", file.read_text())


@pytest.mark.parametrize("module", MODULES, ids=named)
def test_a_module_makes_no_markup_or_code_of_texts(module: Path) -> None:
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|dangerouslySetInnerHTML"
    assert not re.search(forbidden, module.read_text())


def test_the_index_has_no_script_or_style_of_its_own() -> None:
    assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*\bsrc=)", INDEX)


def test_each_library_has_its_licence_beside_it() -> None:
    for library in ("preact", "htm", "uplot"):
        assert (PAGE / "vendor" / f"LICENSE.{library}").is_file()
