"""Where the provider comes from: the variable, then the user's own configuration, then a mirror on the machine."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools import terraform
from tools.problems import Problem

VERSIONS_TF = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
CONFIGURATION = "TF_CLI_CONFIG_FILE"
OWN = "provider_installation {\n  direct {}\n}\n"


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder that is searched, on a machine where nobody has configured anything."""
    for name in [name for name in os.environ if name.startswith(("TF_", "CF_PURGE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(terraform, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(terraform, "_FOLDERS", (str(tmp_path / "absent"), str(tmp_path / "usr")))
    terraform._on_this_machine.cache_clear()
    return tmp_path / "usr"


def mirror(folder: Path, registry: str = "registry.terraform.io") -> Path:
    """Make an unpacked mirror whose provider is a script."""
    home = folder / terraform._provider(registry).replace("*", "5.100.0")
    home.mkdir(parents=True)
    (home / "terraform-provider-aws_v5.100.0_x5").write_text("#!/bin/sh\nexit 1\n")
    return folder


def provider_of(environ: Mapping[str, str]) -> Path:
    """Where the configuration's mirror leads."""
    (found,) = Path(environ[CONFIGURATION]).parent.glob(terraform._provider("registry.terraform.io"))
    return found.resolve()


@pytest.mark.parametrize("below", ["", "terraform", "lib/a mirror"])
@pytest.mark.parametrize("registry", ["registry.terraform.io", "registry.opentofu.org"])
def test_an_unpacked_mirror_in_a_usual_folder_is_found(system: Path, below: str, registry: str) -> None:
    mirror(system / below, registry)
    assert provider_of(terraform.environment()).is_relative_to(system / below)


def test_the_variable_comes_first(system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".terraformrc").write_text(OWN)
    mirror(system)
    monkeypatch.setenv(terraform.MIRROR, str(mirror(tmp_path / "mine [1]")))
    assert provider_of(terraform.environment()).is_relative_to(tmp_path / "mine [1]")


def test_a_variable_that_names_a_folder_without_the_provider_is_an_error(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror(system)
    monkeypatch.setenv(terraform.MIRROR, str(tmp_path / "wrong"))
    with pytest.raises(Problem, match=f"^{terraform.MIRROR} is {tmp_path}/wrong, .*: correct or unset the variable"):
        terraform.environment()


@pytest.mark.parametrize("name", [".terraformrc", "elsewhere.rc"])
def test_the_users_own_configuration_is_not_changed(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    mirror(system)
    (tmp_path / name).write_text(OWN)
    if name != ".terraformrc":
        monkeypatch.setenv(CONFIGURATION, str(tmp_path / name))
    assert terraform.environment().get(CONFIGURATION) == os.environ.get(CONFIGURATION)


def test_a_configuration_file_without_providers_does_not_hide_the_mirror(
    system: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror(system)
    monkeypatch.setenv(CONFIGURATION, str(tmp_path / "missing.rc"))
    assert provider_of(terraform.environment()).is_relative_to(system)
    (tmp_path / "missing.rc").write_text("disable_checkpoint = true\n")
    assert provider_of(terraform.environment()).is_relative_to(system)


@pytest.mark.skipif(not shutil.which(terraform.TERRAFORM), reason=f"{terraform.TERRAFORM} is not on the PATH")
def test_terraform_takes_the_provider_from_the_mirror_whatever_its_folder_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / 'a "quoted" back\\slash, ümläut and ${dollar}'
    monkeypatch.setenv(terraform.MIRROR, str(mirror(folder)))
    monkeypatch.setattr(terraform, "CACHE", folder / "cache")
    (tmp_path / "versions.tf").write_text(VERSIONS_TF)
    terraform.initialised(tmp_path)
    (installed,) = (tmp_path / ".terraform/providers").glob("*/hashicorp/aws/*/*")
    assert installed.resolve().is_relative_to(folder)
