"""The shape of the source: who may import whom, what the two cores leave alone, and how long things get."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import geartrain

SOURCE = Path(geartrain.__file__).parent
LINES_OF_A_FUNCTION = 50
LINES_OF_A_FILE = 800

SHARED = {
    "errors",
    "printable",
    "protocol",
    "jobs",
    "failures",
    "signals",
    "callbacks",
    "tracing",
    "sockets",
    "tls",
    "tokens",
}  # by the blocking and the asyncio library

MAY_IMPORT = {
    "printable": set[str](),
    "errors": {"printable"},
    "version": set[str](),
    "protocol": {"errors", "printable"},
    "jobs": {"errors", "protocol"},
    "failures": {"errors", "printable", "protocol", "jobs"},
    "signals": {"errors"},
    "callbacks": {"errors", "protocol", "jobs"},
    "tracing": {"errors", "version", "protocol"},
    "sockets": {"errors", "protocol"},
    "tls": {"errors"},
    "tokens": {"errors"},
    "user": set[str](),
    "broker": {"errors", "printable", "protocol"},
    "relay": {"errors", "printable", "protocol", "broker"},
    "store": {"errors", "printable", "protocol", "broker", "user"},
    "pool": {"errors", "printable", "version", "protocol", "broker", "relay", "store", "tls"},
    "web": {"errors", "printable", "version", "protocol"},
    "server": {
        "errors",
        "printable",
        "version",
        "protocol",
        "broker",
        "relay",
        "store",
        "pool",
        "user",
        "tls",
        "web",
    },
    "sync": SHARED,
    "aio": SHARED,
    "tasks": SHARED | {"sync", "aio"},
    "testing": SHARED | {"broker", "sync", "aio", "tasks"},
    "__init__": SHARED | {"version", "sync", "aio", "tasks"},
    "cli": SHARED
    | {"version", "broker", "relay", "store", "pool", "server", "sync", "aio", "tasks", "__init__"},
    "__main__": {"cli"},
}
"""By folder or single module of the package: which others it may import. Arrows point down only."""

LIBRARY = SHARED | {"version", "sync", "aio", "tasks", "__init__"}
"""What a program uses that submits jobs or works on them."""

OPTIONAL = {"tracing": "opentelemetry"}
"""What a module imports besides, within functions, once the program that uses it has imported that itself."""

SANS_IO = ("protocol", "broker", "relay")
FORBIDDEN_TO_SANS_IO = {
    "asyncio", "concurrent", "io", "logging", "os", "pathlib", "queue", "random", "select", "selectors",
    "signal", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "uuid",
}  # fmt: skip


def modules() -> dict[str, ast.Module]:
    """Every module of the package by its dotted name, parsed; packages end in ``__init__``."""
    return {
        ".".join(path.relative_to(SOURCE).with_suffix("").parts): ast.parse(path.read_text())
        for path in sorted(SOURCE.rglob("*.py"))
    }


MODULES = modules()


def imports(tree: ast.Module) -> Iterator[str]:
    """The dotted names a module imports at run time, wherever in it the statement is."""
    for node in run_time_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def run_time_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    yield tree
    if isinstance(tree, ast.If) and isinstance(tree.test, ast.Name) and tree.test.id == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(tree):
        yield from run_time_nodes(child)


def own_imports(name: str) -> set[str]:
    """Which of our modules a module imports, as keys of ``MODULES``."""
    found = set()
    for imported in imports(MODULES[name]):
        own = imported.removeprefix("geartrain.") if imported.startswith("geartrain.") else ""
        if imported == "geartrain":
            found.add("__init__")
        elif own in MODULES:
            found.add(own)
        elif f"{own}.__init__" in MODULES:
            found.add(f"{own}.__init__")
    return found - {name}


def test_imports_point_down() -> None:
    for name in MODULES:
        layer = name.split(".")[0]
        above = {own.split(".")[0] for own in own_imports(name)} - {layer} - MAY_IMPORT[layer]
        assert not above, f"{name} imports {above}; {layer} may import {MAY_IMPORT[layer]}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle of imports: {' -> '.join((*path, name))}"
        if name not in done:
            for imported in own_imports(name):
                visit(imported, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def test_protocol_and_broker_import_nothing_that_does_io() -> None:
    for name, tree in MODULES.items():
        if name.startswith(SANS_IO):
            roots = {imported.split(".")[0] for imported in imports(tree)}
            assert not roots & FORBIDDEN_TO_SANS_IO, f"{name} imports {roots & FORBIDDEN_TO_SANS_IO}"


def test_client_and_worker_need_only_the_standard_library() -> None:
    for name, tree in MODULES.items():
        if name.split(".")[0] in LIBRARY:
            foreign = {imported.split(".")[0] for imported in imports(tree)} - sys.stdlib_module_names
            assert foreign <= {"geartrain", OPTIONAL.get(name, "geartrain")}, f"{name} imports {foreign}"


def test_what_is_optional_is_imported_by_functions_alone() -> None:
    for name, optional in OPTIONAL.items():
        at_once = ast.Module(
            [node for node in MODULES[name].body if isinstance(node, ast.Import | ast.ImportFrom)], []
        )
        assert optional not in {imported.split(".")[0] for imported in imports(at_once)}


def test_no_function_is_longer_than_50_lines() -> None:
    for name, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = length(node)
                assert lines <= LINES_OF_A_FUNCTION, f"{name}.{node.name} has {lines} lines"


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is None:
        return lines
    docstring = function.body[0]
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1)


def test_no_file_is_longer_than_800_lines() -> None:
    for path in SOURCE.rglob("*.py"):
        lines = len(path.read_text().splitlines())
        assert lines <= LINES_OF_A_FILE, f"{path.relative_to(SOURCE)} has {lines} lines"


def test_every_module_says_what_it_is() -> None:
    for name, tree in MODULES.items():
        assert ast.get_docstring(tree), f"{name} has no docstring"


def test_public_names_come_from_where_type_checkers_see_them() -> None:
    seen = {
        alias.name: node.module.removeprefix("geartrain.")
        for node in ast.walk(MODULES["__init__"])
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("geartrain.")
        for alias in node.names
    }
    assert {name for name in seen if name in geartrain.__all__} == set(geartrain.__all__)
    assert geartrain.PLACES.items() <= seen.items()


def test_every_public_name_says_what_its_user_may_rely_on() -> None:
    for name in geartrain.__all__:
        public = getattr(geartrain, name)
        if inspect.isclass(public):
            assert public.__doc__, f"{name} has no docstring"
            for method in vars(public).values():
                if inspect.isfunction(method) and not method.__name__.startswith("_"):
                    assert method.__doc__, f"{method.__qualname__} has no docstring"
