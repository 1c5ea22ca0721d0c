"""``geartrain completion``."""

from __future__ import annotations

import pytest

from geartrain.cli.commands import NAMES
from tests.cli.program import Shop, geartrain


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_a_script(shell: str) -> None:
    script = geartrain("completion", shell)
    assert script.status == 0
    assert f"_GEARTRAIN_COMPLETE={shell}_complete" in script.stdout


def test_the_script_asks_the_program_for_its_commands() -> None:
    asked = geartrain(_GEARTRAIN_COMPLETE="bash_complete", COMP_WORDS="geartrain ", COMP_CWORD="1")
    assert asked.stdout.split() == [f"plain,{name}" for name in NAMES]


def completed(shop: Shop, shell: str, line: str) -> list[str]:
    """What a shell is offered at the end of a line."""
    words = line.split(" ")
    asked = geartrain(
        _GEARTRAIN_COMPLETE=f"{shell}_complete",
        COMP_WORDS=line,
        COMP_CWORD=words[-1] if shell == "fish" else str(len(words) - 1),
        GEARMAN_SERVERS=shop.server.address,
    )
    assert (asked.status, asked.stderr) == (0, "")
    lines = [line for line in asked.stdout.splitlines() if line]
    if shell == "zsh":
        return lines[1::3]
    return [offer.split(",", 1)[1].partition("\t")[0] for offer in lines]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_is_offered_commands_of_groups_and_functions(shop: Shop, shell: str) -> None:
    shop.run("functions", "create", "complete:this")
    assert completed(shop, shell, "geartrain jobs ") == ["cancel", "list", "show", "workload"]
    assert completed(shop, shell, "geartrain submit complete") == ["complete:this"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("functions pa", ["pause"]),
        ("config te", ["template"]),
        ("jobs --sta", ["--state"]),
        ("jobs -s ", ["queued", "delayed", "running"]),
        ("functions pause x capi", ["capitals"]),
        ("jobs -f capi", ["capitals"]),
        ("dead list --function capi", ["capitals"]),
        ("tail odd", []),
        ("functions show --server 127.0.0.1:1 capi", []),
    ],
)
def test_what_is_offered(shop: Shop, line: str, offered: list[str]) -> None:
    shop.run("functions", "create", "odd\tname")
    assert completed(shop, "bash", f"geartrain {line}") == offered
