"""Where the provider comes from: the variable, then the registry, then what lies on the machine."""

from __future__ import annotations

import os
import platform
import pwd
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.tools.mirrors import SOURCE, mirror, packed
from tests.tools.project import Project, one_sentence
from tests.unit.servers import reset, start, write
from tools import provider
from tools.problems import Problem

VERSIONS_TF = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
NOBODY = 65534


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "_registry_answers", lambda: False)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """The one folder that is searched, on a machine that does not reach the registry."""
    folder = tmp_path / "usr" / "share"
    folder.mkdir(parents=True)
    monkeypatch.setattr(provider, "_FOLDERS", (str(tmp_path / "absent"), str(folder)))
    return folder


@pytest.fixture
def visited(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every folder that was listed."""
    folders: list[Path] = []
    scandir = os.scandir

    def noted(path: Any) -> Any:
        folders.append(Path(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", noted)
    return folders


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lose root's right to read everything, where the tests run as root."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that others may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


# ---- The variable ----


def test_the_variable_wins_and_nothing_else_is_asked(
    tmp_path: Path, system: Path, visited: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_registry_answers", lambda: pytest.fail("the registry was asked"))
    mirror(system)
    mine = mirror(tmp_path / "mine")
    assert provider.mirror({provider.VARIABLE: str(mine)}) == mine
    assert system not in visited


def test_a_relative_folder_in_the_variable_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert provider.mirror({provider.VARIABLE: "mine"}) == tmp_path / "mine"


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: None,
        lambda folder: folder.mkdir(),
        lambda folder: folder.write_text("a file"),
        lambda folder: mirror(folder, platform="plan9_mips"),
        lambda folder: mirror(folder, "5.79.0"),
        packed,
    ],
    ids=["missing", "empty", "file", "other platform", "too old", "packed"],
)
def test_a_wrong_variable_is_one_error_that_names_it_even_where_all_else_is_well(
    tmp_path: Path, system: Path, make: Callable[[Path], object]
) -> None:
    mirror(system)
    make(tmp_path / "wrong")
    with pytest.raises(Problem) as caught:
        provider.mirror({provider.VARIABLE: str(tmp_path / "wrong")})
    assert one_sentence(str(caught.value))
    assert provider.VARIABLE in str(caught.value)
    assert str(tmp_path / "wrong") in str(caught.value)


def test_an_empty_variable_is_no_variable(system: Path) -> None:
    mirror(system)
    assert provider.mirror({provider.VARIABLE: ""}) == system


# ---- The registry ----


def test_where_the_registry_answers_no_folder_is_searched(
    system: Path, visited: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "_registry_answers", lambda: True)
    mirror(system)
    assert provider.mirror({}) is None
    assert visited == []


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail.example.test ESMTP\r\n\r\n")


@pytest.mark.parametrize(
    ("respond", "answers"),
    [
        (
            lambda handler: write(handler, body=b'{"modules.v1": "/v1/modules/", "providers.v1": "/v1/providers/"}'),
            True,
        ),
        (lambda handler: write(handler, body=b"<html>Welcome to our hotel</html>"), False),
        (lambda handler: write(handler, body=b'{"modules.v1": "/v1/modules/"}'), False),
        (lambda handler: write(handler, 204, b""), False),
        (lambda handler: write(handler, 403, b"providers.v1"), False),
        (lambda handler: write(handler, 503, b"providers.v1"), False),
        (lambda handler: write(handler, 302, b"", {"Location": "/again"}), False),
        (lambda handler: write(handler, body=b"{", length=1000), False),
        (garbage, False),
        (reset, False),
    ],
    ids=["well", "hotel", "no providers", "empty", "403", "503", "endless", "cut off", "not HTTP", "reset"],
)
def test_only_the_registry_itself_counts_as_the_registry(
    monkeypatch: pytest.MonkeyPatch, respond: Callable[[BaseHTTPRequestHandler], None], answers: bool
) -> None:
    server, stop = start()
    server.respond = respond
    monkeypatch.setattr(provider, "_REGISTRY", server.url)
    try:
        assert provider._registry_answers() is answers
    finally:
        stop()
    assert server.received


@pytest.mark.parametrize("trusted", [True, False])
def test_a_registry_with_a_certificate_nobody_vouches_for_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, trusted: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    server, stop = start(context)
    server.respond = lambda handler: write(handler, body=b"providers.v1")
    monkeypatch.setattr(provider, "_REGISTRY", server.url)
    try:
        assert provider._registry_answers() is trusted
    finally:
        stop()


def test_a_registry_that_nobody_answers_for_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    server, stop = start()
    stop()
    monkeypatch.setattr(provider, "_REGISTRY", server.url)
    assert provider._registry_answers() is False


# ---- The search ----


@pytest.mark.parametrize("below", ["", "terraform", "terraform/plugins", ".hidden/a b/mirror"])
def test_an_unpacked_mirror_is_found_in_a_system_folder(system: Path, below: str) -> None:
    mirror(system / below)
    assert provider.mirror({}) == system / below


def test_the_first_folder_that_has_one_wins(system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = mirror(tmp_path / "first"), mirror(tmp_path / "second")
    monkeypatch.setattr(provider, "_FOLDERS", (str(system), str(first), str(second)))
    assert provider.mirror({}) == first


@pytest.mark.parametrize(
    ("version", "taken"),
    [
        ("5.80.0", True),
        ("5.100.0", True),
        ("6.0.0", True),
        ("6.99.12", True),
        ("4.99.0", False),
        ("5.9.0", False),
        ("5.79.9", False),
        ("7.0.0", False),
        ("10.0.0", False),
        ("6.0.0-beta1", False),
        ("5.80", False),
        ("latest", False),
    ],
)
def test_a_mirror_counts_only_with_a_version_that_the_module_takes(
    system: Path, tmp_path: Path, version: str, taken: bool
) -> None:
    mirror(system / "a", version)
    assert provider.holds_provider(system / "a") is taken
    if not taken:
        good = mirror(system / "b")
        assert provider.mirror({}) == good


@pytest.mark.parametrize(
    ("machine", "name", "expected"),
    [
        ("x86_64", "Linux", "linux_amd64"),
        ("aarch64", "Linux", "linux_arm64"),
        ("arm64", "Darwin", "darwin_arm64"),
        ("x86_64", "Darwin", "darwin_amd64"),
    ],
)
def test_a_mirror_of_another_platform_is_not_taken(
    system: Path, monkeypatch: pytest.MonkeyPatch, machine: str, name: str, expected: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(platform, "system", lambda: name)
    platforms = {"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64"}
    for other in platforms - {expected}:
        mirror(system / "a", platform=other)
    assert not provider.holds_provider(system / "a")
    mirror(system / "b", platform=expected)
    assert provider.mirror({}) == system / "b"


@pytest.mark.parametrize("missing", ["provider", "platform", "version"])
def test_a_mirror_without_its_last_part_is_not_taken(system: Path, missing: str) -> None:
    binary = next((mirror(system / "a") / SOURCE).rglob("terraform-provider-aws*"))
    binary.unlink()
    if missing != "provider":
        binary.parent.rmdir()
    if missing == "version":
        binary.parent.parent.rmdir()
    good = mirror(system / "b")
    assert not provider.holds_provider(system / "a")
    assert provider.mirror({}) == good


def test_a_packed_mirror_is_passed_over(system: Path) -> None:
    packed(system / "a")
    good = mirror(system / "b")
    assert provider.mirror({}) == good


@pytest.mark.parametrize(
    "locked",
    ["", SOURCE.parts[0], SOURCE, SOURCE / "5.100.0", SOURCE / "5.100.0" / provider._platform()],
    ids=["mirror", "host", "provider", "version", "platform"],
)
def test_a_folder_that_may_not_be_read_is_passed_over(
    public: Path, offline: None, monkeypatch: pytest.MonkeyPatch, locked: str | Path
) -> None:
    monkeypatch.setattr(provider, "_FOLDERS", (str(public / "a"), str(public / "b")))
    bad, good = mirror(public / "a") / locked, mirror(public / "b")
    bad.chmod(0)
    try:
        with as_nobody():
            assert provider.mirror({}) == good
    finally:
        bad.chmod(0o755)


def test_deep_trees_are_left_alone(system: Path, visited: list[Path]) -> None:
    for index in range(20):
        (system / str(index) / "/".join("abcdefgh" * 5)).mkdir(parents=True)
    mirror(system / "0" / "a" / "b" / "c" / "d")
    for name in ("node_modules", "site-packages", ".git"):
        mirror(system / "1" / name)
    started = time.monotonic()
    with pytest.raises(Problem):
        provider.mirror({})
    assert time.monotonic() - started < 1
    below = [folder.relative_to(system).parts for folder in visited if folder.is_relative_to(system)]
    assert len(below) == 1 + 20 * 4  # down to the fourth level, where no more is taken
    assert not any(set(parts) & provider._SKIPPED for parts in below)


def test_a_tree_that_is_reached_from_two_folders_is_walked_once(
    system: Path, visited: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (system / "a" / "b" / "c").mkdir(parents=True)
    monkeypatch.setattr(provider, "_FOLDERS", (str(system / "a"), str(system)))
    with pytest.raises(Problem):
        provider.mirror({})
    assert visited.count(system / "a" / "b" / "c") == 1


def test_links_that_lead_in_circles_are_not_followed(system: Path, visited: list[Path]) -> None:
    for name, target in (("up", ".."), ("self", "self"), ("here", "."), ("there", "back"), ("back", "there")):
        (system / name).symlink_to(target)
    (system / "root").symlink_to("/")
    circular = system / "a" / SOURCE
    circular.parent.mkdir(parents=True)
    circular.symlink_to(circular)
    good = mirror(system / "z")
    assert not provider.holds_provider(system / "a")
    assert provider.mirror({}) == good
    assert not any(folder.is_symlink() for folder in visited if folder != circular)


def test_a_mirror_may_be_a_link_to_where_it_is(system: Path, tmp_path: Path) -> None:
    mirror(tmp_path / "elsewhere")
    (system / "a").mkdir()
    (system / "a" / SOURCE.parts[0]).symlink_to(tmp_path / "elsewhere" / SOURCE.parts[0])
    assert provider.mirror({}) == system / "a"


def test_a_searched_folder_may_be_a_link_itself(system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror(tmp_path / "elsewhere" / "below")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    monkeypatch.setattr(provider, "_FOLDERS", (str(tmp_path / "loop"), str(tmp_path / "link")))
    assert provider.mirror({}) == tmp_path / "link" / "below"


def test_where_there_is_nothing_one_sentence_names_the_variable_and_the_place(system: Path) -> None:
    with pytest.raises(Problem) as caught:
        provider.mirror({})
    said = str(caught.value)
    assert one_sentence(said)
    assert f"set {provider.VARIABLE} to DIR" in said
    assert f"DIR/{SOURCE}/VERSION/{provider._platform()}" in said


def test_what_the_sentence_tells_to_do_helps(system: Path, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        provider.mirror({})
    told = next(word for word in str(caught.value).split() if word.startswith("DIR/"))
    folder = tmp_path / told.replace("VERSION", "6.1.0")
    folder.mkdir(parents=True)
    (folder / "terraform-provider-aws_v6.1.0_x5").touch()
    assert provider.mirror({provider.VARIABLE: str(tmp_path / "DIR")}) == tmp_path / "DIR"


def test_a_user_without_a_home_is_no_obstacle(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""

    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr(provider, "_FOLDERS", ("~/.terraform.d", "~", str(mirror(tmp_path / "mirror"))))
    assert provider.mirror({}) == tmp_path / "mirror"


def test_the_folders_of_the_user_are_searched_too(
    tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    made = mirror(tmp_path / ".terraform.d" / "plugins")
    assert provider.mirror({}) == made


# ---- The configuration ----


@pytest.mark.parametrize("name", ["plain", "with space", 'quo"ted', "back\\slash", "ümläut", "${dollar}"])
def test_terraform_takes_the_provider_from_the_mirror_whatever_its_folder_is_called(
    project: Project, tmp_path: Path, machine: dict[str, str], name: str
) -> None:
    folder = mirror(tmp_path / name)
    project.write("versions.tf", VERSIONS_TF)
    config = provider.configuration(folder)
    done = project.run("terraform", "init", "-no-color", env={**machine, "TF_CLI_CONFIG_FILE": str(config)})
    assert done.returncode == 0, done.stderr
    installed = project.root / ".terraform" / "providers" / SOURCE / "5.100.0" / provider._platform()
    assert installed.resolve() == (folder / SOURCE / "5.100.0" / provider._platform()).resolve()


def test_terraform_gets_a_provider_on_this_machine_wherever_from(project: Project, machine: dict[str, str]) -> None:
    """The tools look for themselves; only the variable may tell them."""
    env = {**machine, "TF_CLI_CONFIG_FILE": str(project.root / "missing")}
    init = project.run(sys.executable, "-m", "tools.terraform", "init", "-no-color", env=env)
    assert init.returncode == 0, init.stdout + init.stderr
    assert "AWS provider: from the" in init.stdout
    assert "customized provider installation" in init.stdout or "from the Terraform registry" in init.stdout
    told = project.run(sys.executable, "-m", "tools.terraform", "providers", env=env)
    assert told.returncode == 0, told.stderr
    assert "provider[registry.terraform.io/hashicorp/aws] >= 5.80" in told.stdout
    versions = list((project.root / ".terraform" / "providers" / SOURCE).iterdir())
    assert [provider._fits(version.name) for version in versions] == [True]


def test_a_configuration_that_is_being_read_does_not_change_under_its_reader(tmp_path: Path) -> None:
    path = provider.configuration(tmp_path / "one")
    before = path.read_text()
    with open(path) as reader:
        assert provider.configuration(tmp_path / "two") == path
        assert reader.read() == before
    assert str(tmp_path / "two") in path.read_text()
    assert os.listdir(path.parent) == [path.name]
