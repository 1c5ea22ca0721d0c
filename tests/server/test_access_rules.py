"""The section ``access`` of the configuration file: what it may say, and how it is told what is wrong."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from geartrain.errors import SettingsError
from geartrain.server.access_rules import AccessRules, digest_of
from geartrain.server.configuration import read_configuration
from geartrain.server.visitors import Visitor

TOKEN = "0123456789abcdef"
ROLES = '[access.roles.r]\nsubmit = ["a*"]\n[access.roles.s]\nview = ["*"]\n'


def read(folder: Path, text: str) -> AccessRules:
    path = folder / "geartrain.toml"
    path.write_text(text)
    rules = read_configuration(str(path)).access
    assert rules is not None
    return rules


def grants(*lines: str) -> str:
    return ROLES + "".join(f'[[access.grants]]\nrole = "r"\n{line}\n' for line in lines)


def token_file(folder: Path, content: str = f"{TOKEN}\n", mode: int = 0o600) -> str:
    path = folder / "t.token"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


def visitor(host: str = "10.0.0.1", listener: str = "*", *names: str, token: str = "") -> Visitor:
    made = Visitor(host, listener, lambda: None, names)
    if token:
        made.digests.append(digest_of(token.encode()))
    return made


def test_a_file_without_the_section_has_no_rules(tmp_path: Path) -> None:
    (tmp_path / "geartrain.toml").write_text("port = 4731\n")
    assert read_configuration(str(tmp_path / "geartrain.toml")).access is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("access = 3", "access wants [access.roles.NAME] and [[access.grants]], got 3"),
        ("[access]", "access.roles wants tables such as [access.roles.billing], got {}"),
        (
            "[access.role.r]",
            "access: there is no key 'role' (its value is {'r': {}}); expected perhaps roles",
        ),
        (ROLES, "access.grants wants tables such as [[access.grants]], got []"),
        (
            "[access.roles.r]\nsubmits = []",
            "access.roles.r: there is no key 'submits' (its value is []); expected perhaps submit",
        ),
        (
            "[access.roles.r]\nsubmit = 'a'",
            "access.roles.r.submit wants names of functions or wildcards such as [\"invoice*\"], got 'a'",
        ),
        (
            ROLES + "[[access.grants]]\nrole = 'x'\nnetwork = '::/0'",
            "access.grants, number 1: role wants one of r, s, got 'x'",
        ),
        (
            grants(""),
            "access.grants, number 1 wants exactly one of certificate, token_file, token_sha256, network, listener, "
            "got none",
        ),
        (
            grants("listener = '*'", "network = '::/0'\ncertificate = 'x'"),
            "access.grants, number 2 wants exactly one of certificate, token_file, token_sha256, network, listener, "
            "got certificate and network",
        ),
        (
            grants("network = '10.1.0.1/16'"),
            "access.grants, number 1: network wants one such as 10.1.0.0/16 or 2001:db8::/32, got '10.1.0.1/16': "
            "10.1.0.1/16 has host bits set",
        ),
        (
            grants("token_sha256 = 'oops-the-token'"),
            "access.grants, number 1: token_sha256 wants 64 hexadecimal digits",
        ),
        (
            grants("token = 'oops-the-token'"),
            "access.grants, number 1: there is no key 'token' (its value is a secret); expected perhaps token_file",
        ),
        (
            grants("token_file = '/nowhere/t'"),
            "access.grants, number 1: cannot read token_file /nowhere/t: No such file or directory",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        read(tmp_path, text)
    assert str(refusal.value) == f"{tmp_path / 'geartrain.toml'}: {message}"


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (f"{TOKEN}\n", 0o644, r"wants to be nobody else's \(chmod 600 or 640\), its mode is 644"),
        (f"{TOKEN}\n", 0o620, r"wants to be nobody else's \(chmod 600 or 640\), its mode is 620"),
        ("\n", 0o600, "wants a token in each line, of 16 characters at least"),
        (f"{TOKEN}\nshort\n", 0o600, "wants a token in each line, of 16 characters at least"),
    ],
)
def test_a_token_file_that_others_could_use_or_guess_is_refused(
    tmp_path: Path, content: str, mode: int, message: str
) -> None:
    path = token_file(tmp_path, content, mode)
    with pytest.raises(SettingsError, match=message) as refusal:
        read(tmp_path, grants(f"token_file = '{path}'"))
    assert TOKEN not in str(refusal.value)


def test_a_token_is_known_by_its_file_or_its_hash_and_a_file_may_have_two(tmp_path: Path) -> None:
    path = token_file(tmp_path, f"{TOKEN}\nthe-next-one-of-them\n", 0o640)
    other = sha256(b"another").hexdigest()
    rules = read(tmp_path, grants(f"token_file = '{path}'\nname = 'ada'", f"token_sha256 = '{other}'"))
    found = [
        rules.holder(digest_of(token)) for token in (TOKEN.encode(), b"the-next-one-of-them", b"another")
    ]
    assert [grant.name for grant in found if grant is not None] == ["ada", "ada", "r"]
    assert rules.holder(digest_of(b"wrong")) is None


@pytest.mark.parametrize(
    ("line", "guest", "is_allowed"),
    [
        ("network = '10.0.0.0/8'", visitor("10.1.2.3"), True),
        ("network = '10.0.0.0/8'", visitor("::ffff:10.1.2.3"), True),
        ("network = '10.0.0.0/8'", visitor("11.1.2.3"), False),
        ("network = '10.0.0.0/8'", visitor("unix"), False),
        ("network = '2001:db8::/32'", visitor("2001:db8::1"), True),
        ("network = '::1'", visitor("::1"), True),
        ("network = '0.0.0.0/0'", visitor("::1"), False),
        ("listener = 'unix:/run/g'", visitor("unix", "unix:/run/g"), True),
        ("listener = 'unix:/run/g'", visitor("unix", "unix:/run/other"), False),
        ("certificate = 'billing-*'", visitor("::1", "*", "x", "billing-1"), True),
        ("certificate = 'billing-*'", visitor("::1", "*", "mybilling-1"), False),
        ("certificate = 'billing-1'", visitor("::1", "*"), False),
        (f"token_sha256 = '{sha256(TOKEN.encode()).hexdigest()}'", visitor(token=TOKEN), True),
        (f"token_sha256 = '{sha256(TOKEN.encode()).hexdigest()}'", visitor(token="another"), False),
    ],
)
def test_a_role_is_granted_to_who_fits(tmp_path: Path, line: str, guest: Visitor, is_allowed: bool) -> None:
    rules = read(tmp_path, grants(line))
    assert (guest.access(rules).of(b"abc") == 1) is is_allowed


def test_grants_add_up_and_the_audit_log_has_them_all(tmp_path: Path) -> None:
    text = grants("network = '10.0.0.0/8'") + "[[access.grants]]\nrole = 's'\ncertificate = 'c'\n"
    rules = read(tmp_path, text)
    guest = visitor("10.0.0.1", "*", "c")
    assert guest.access(rules).of(b"abc") == 5
    assert guest.who(rules) == "network:10.0.0.0/8 certificate:c"
    assert visitor("11.0.0.1").who(rules) == "nobody"
