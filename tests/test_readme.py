"""The README says what is true: its three programs run, against a server."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path

from tests.support.processes import Program, ServerProgram

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_programs_of_the_readme_run(server: ServerProgram) -> None:
    text = README.read_text().replace("127.0.0.1:4730", server.address)
    client_code, worker_code, task_code = BLOCK.findall(text)
    client, tasks = types.ModuleType("client"), types.ModuleType("tasks")
    with Program(sys.executable, "-c", worker_code):
        exec(client_code, vars(client))
    assert str(client.handle).startswith("H:")
    assert client.result == b"tset a si siht"
    exec(task_code, vars(tasks))
    assert tasks.queued.status().known
    tasks.app.close()
    assert tasks.thumbnail("cat") == "cat-200.png"


def test_what_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(((?!http)[^)]+)\)", README.read_text())
    assert links
    assert [link for link in links if not (README.parent / link).exists()] == []
