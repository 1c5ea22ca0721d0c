"""Tokens, and what a server's rules do not allow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geartrain import PermissionDenied
from tests.contracts.shells import Shell
from tests.support.processes import GeartrainProgram, ServerProgram

TOKEN = "0123456789abcdef"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProgram]:
    """A server whose rules know one token, which is for a function."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    rules = folder / "geartrain.toml"
    rules.write_text(
        '[access.roles.r]\nsubmit = ["reverse"]\nwork = ["reverse"]\nview = ["reverse"]\n'
        f'[[access.grants]]\nrole = "r"\ntoken_file = "{folder}/token"\n'
    )
    with GeartrainProgram("--config", str(rules)) as program:
        yield program


def test_a_token_is_said_first_on_each_connection(shell: Shell, guarded: ServerProgram) -> None:
    worker = shell.worker(guarded.address, token=TOKEN)
    worker.add_function("reverse", lambda job: job.workload[::-1])
    with shell.running(worker):
        assert shell.client(guarded.address, token=TOKEN).do("reverse", b"abc") == b"cba"
    assert shell.admin(guarded.address, token=TOKEN).status()[0].function == "reverse"


def test_what_is_not_allowed_says_what_and_where(shell: Shell, guarded: ServerProgram) -> None:
    with pytest.raises(
        PermissionDenied, match="SUBMIT_JOB wants the right submit on function secret"
    ) as denied:
        shell.client(guarded.address, token=TOKEN).do("secret")
    assert denied.value.server == guarded.address
    with pytest.raises(PermissionDenied, match="SUBMIT_JOB wants the right submit on function reverse"):
        shell.client(guarded.address).do("reverse")
    with pytest.raises(PermissionDenied, match="pause wants the right admin on any function"):
        shell.admin(guarded.address, token=TOKEN).pause("reverse")


def test_a_wrong_token_is_denied(shell: Shell, guarded: ServerProgram) -> None:
    for ask in (
        lambda: shell.client(guarded.address, token="wrong").do("reverse"),
        lambda: shell.admin(guarded.address, token="wrong").status(),
    ):
        with pytest.raises(PermissionDenied, match="the token is none of this server's"):
            ask()


def test_a_token_stands_in_the_environment_or_in_a_file(
    shell: Shell, guarded: ServerProgram, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GEARTRAIN_TOKEN", TOKEN)
    assert shell.client(guarded.address).do_background("reverse")
    monkeypatch.delenv("GEARTRAIN_TOKEN")
    (tmp_path / "token").write_text(TOKEN + "\n")
    monkeypatch.setenv("GEARTRAIN_TOKEN_FILE", str(tmp_path / "token"))
    assert shell.client(guarded.address).do_background("reverse")


def test_a_server_without_rules_needs_no_token(
    shell: Shell, job_server: ServerProgram, function: str
) -> None:
    assert shell.client(job_server.address, token=TOKEN).do_background(function)
    assert shell.admin(job_server.address, token=TOKEN).status()
