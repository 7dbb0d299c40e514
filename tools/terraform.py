"""Terraform or OpenTofu with a provider it can find: `python -m tools.terraform ARGUMENTS`, or from other tools."""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from glob import escape, glob
from itertools import product
from pathlib import Path

from tools.problems import CACHE, Problem

TERRAFORM = os.environ.get("TERRAFORM") or "terraform"
MIRROR = "CF_PURGE_PROVIDER_MIRROR"
REGISTRIES = ("registry.terraform.io", "registry.opentofu.org")
_FOLDERS = ("/opt", "/srv", "/usr/local", "/usr/local/share", "/usr/share", "/usr/lib", "/var/lib")


def environment() -> dict[str, str]:
    """Return this process's environment with a CLI configuration that works.

    The provider comes from the mirror that a variable names, else from where the user's own configuration says, else
    from an unpacked mirror in one of the usual folders, else from the registry.

    Raises:
        Problem: the variable names a folder without the provider.
    """
    environ = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    environ.setdefault("GOGC", "400")  # with more memory Terraform and the provider take a third less time
    if not Path(environ.get("TF_CLI_CONFIG_FILE", __file__)).exists():
        del environ["TF_CLI_CONFIG_FILE"]
    named = environ.get(MIRROR)
    if named and not _mirrored(escape(named)):
        raise Problem(f"{MIRROR} is {named}, which has no {_provider(REGISTRIES[0])}: correct or unset the variable.")
    if not named and _configured(environ):
        return environ
    if found := _mirrored(escape(named)) if named else _on_this_machine():
        environ["TF_CLI_CONFIG_FILE"] = str(_configuration(found))
    else:
        (CACHE / "plugins").mkdir(parents=True, exist_ok=True)
        environ.setdefault("TF_PLUGIN_CACHE_DIR", str(CACHE / "plugins"))
        environ.setdefault("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "true")
    return environ


def run(root: Path, environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [TERRAFORM, f"-chdir={root}", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def initialised(root: Path) -> None:
    """Run `init` in a root; quick when it has been.

    Raises:
        Problem: it failed.
    """
    done = run(root, environment(), "init", "-input=false", "-no-color", "-backend=false")
    if done.returncode:
        raise Problem(f"`{TERRAFORM} init` failed in {root}: {done.stderr.strip()}")


def _mirrored(*mirrors: str) -> list[Path]:
    """Return the provider's folders for this platform, one for each version, in the first mirror that has any."""
    for mirror, registry in product(mirrors, REGISTRIES):
        if found := glob(f"{mirror}/{_provider(registry)}/terraform-provider-aws*"):
            return sorted({Path(path).resolve().parent for path in found})
    return []


@cache
def _on_this_machine() -> list[Path]:
    return _mirrored(*(folder + below for folder in _FOLDERS for below in ("", "/*", "/*/*")))


def _provider(registry: str) -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{registry}/hashicorp/aws/*/{platform.system().lower()}_{machine}"


def _configured(environ: Mapping[str, str]) -> bool:
    """Tell whether the user's own CLI configuration says where providers come from."""
    path = Path(environ.get("TF_CLI_CONFIG_FILE") or os.path.expanduser("~/.terraformrc"))
    return path.is_file() and "provider_installation" in path.read_text(encoding="utf-8", errors="replace")


def _configuration(found: list[Path]) -> Path:
    """Write a CLI configuration that finds the provider under both registries' names, and return its path."""
    mirror = CACHE / "providers" / hashlib.sha256(repr(found).encode()).hexdigest()[:12]
    for registry, path in product(REGISTRIES, found):
        link = mirror / registry / "hashicorp/aws" / path.parent.name / path.name
        link.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            link.symlink_to(path)  # in OpenTofu only the last folder may be a link
    names = json.dumps([f"{registry}/hashicorp/aws" for registry in REGISTRIES])
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=mirror, delete=False) as written:
        home = json.dumps(str(mirror), ensure_ascii=False)
        written.write(
            "provider_installation {\n"
            f"  filesystem_mirror {{\n    path = {home}\n    include = {names}\n  }}\n"
            f"  direct {{\n    exclude = {names}\n  }}\n"
            "}\n"
        )
    return Path(written.name).replace(mirror / "terraform.rc")  # at once: another Terraform may be reading it


if __name__ == "__main__":
    try:
        sys.exit(subprocess.run([TERRAFORM, *sys.argv[1:]], env=environment(), check=False).returncode)
    except FileNotFoundError:
        sys.exit(f"cf_purge: {TERRAFORM} is not on the PATH: install Terraform ≥ 1.9, or OpenTofu (TERRAFORM=tofu).")
    except Problem as problem:
        sys.exit(f"cf_purge: {problem}")
