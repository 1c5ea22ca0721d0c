"""``geartrain completion``."""

from __future__ import annotations

import pytest

from geartrain.cli.commands import NAMES
from tests.cli.program import geartrain


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell: str) -> None:
    script = geartrain("completion", shell)
    assert script.status == 0
    assert f"_GEARTRAIN_COMPLETE={shell}_complete" in script.stdout


def test_the_script_asks_the_program_for_its_commands() -> None:
    asked = geartrain(_GEARTRAIN_COMPLETE="bash_complete", COMP_WORDS="geartrain ", COMP_CWORD="1")
    assert asked.stdout.split() == [f"plain,{name}" for name in NAMES]
