"""Where Terraform gets the AWS provider from: the registry, or an unpacked mirror found on this machine."""

from __future__ import annotations

import http.client
import json
import os
import platform
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.problems import CACHE, Problem

VARIABLE = "CF_PURGE_PROVIDER_MIRROR"
_SOURCE = Path("registry.terraform.io/hashicorp/aws")
_REGISTRY = "https://registry.terraform.io/.well-known/terraform.json"
_MAX_DEPTH = 4
# Terraform's own implied mirrors first, then where images and packages put things.
_FOLDERS = (
    "~/.terraform.d",
    "~/.local/share/terraform",
    "/usr/local/share",
    "/usr/share",
    "/usr/lib",
    "/usr/local",
    "/opt",
    "/srv",
    "/var/lib",
    "~",
)
# Large, and never a mirror's home.
_SKIPPED = {"node_modules", "site-packages", ".git", ".cache", "proc", "sys", "docker", "doc", "man", "locale"}


def mirror(environ: Mapping[str, str]) -> Path | None:
    """Return the mirror's folder, or None when the registry itself answers.

    Raises:
        Problem: neither is there.
    """
    named = environ.get(VARIABLE)
    if named:
        if holds_provider(Path(named)):
            return Path(named).resolve()
        raise Problem(f"{VARIABLE} is {named}, but there is no {_SOURCE} for this machine in it: correct or unset it.")
    if _registry_answers():
        return None
    for folder in _candidates():
        if holds_provider(folder):
            return folder
    raise Problem(
        "Terraform's registry cannot be reached and no provider mirror was found: connect to the network, or unzip the "
        f"AWS provider into DIR/{_SOURCE}/VERSION/{_platform()} and set {VARIABLE} to DIR."
    )


def own_configuration(environ: Mapping[str, str]) -> Path | None:
    """Return the user's own CLI configuration if it says where providers come from."""
    path = Path(environ.get("TF_CLI_CONFIG_FILE") or os.path.expanduser("~/.terraformrc"))
    try:
        return path if "provider_installation" in path.read_text(encoding="utf-8") else None
    except (OSError, ValueError):
        return None


def holds_provider(folder: Path) -> bool:
    """Tell whether a folder is an unpacked mirror with an AWS provider this module takes, for this platform."""
    try:
        return any(
            _fits(version.name) and any((version / _platform()).glob("terraform-provider-aws*"))
            for version in (folder / _SOURCE).iterdir()
        )
    except OSError:
        return False


def _fits(version: str) -> bool:
    parts = re.fullmatch(r"(\d+)\.(\d+)\.\d+", version)
    return parts is not None and (5, 80) <= (int(parts[1]), int(parts[2])) < (7, 0)


def _platform() -> str:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return f"{platform.system().lower()}_{machine}"


def _registry_answers() -> bool:
    try:
        with urllib.request.urlopen(_REGISTRY, timeout=5, context=ssl.create_default_context()) as answer:
            return bool(answer.status == 200 and b"providers.v1" in answer.read(4096))
    except (OSError, ValueError, http.client.HTTPException):
        return False


def _candidates() -> Iterator[Path]:
    seen: set[Path] = set()
    for name in _FOLDERS:
        start = Path(os.path.expanduser(name))  # pathlib's fails where nobody has a home
        for folder, names, _ in os.walk(start, onerror=None):
            here = Path(folder)
            if here in seen or len(here.relative_to(start).parts) >= _MAX_DEPTH:
                names.clear()
                continue
            seen.add(here)
            names[:] = [n for n in names if n not in _SKIPPED]
            if _SOURCE.parts[0] in names:
                yield here


def configuration(folder: Path) -> Path:
    """Write a CLI configuration that names the mirror and return its path."""
    path = CACHE / "terraform.rc"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_suffix(f".{os.getpid()}")  # a Terraform beside us may be reading
    written.write_text(
        "provider_installation {\n"
        "  filesystem_mirror {\n"
        f"    path    = {json.dumps(str(folder), ensure_ascii=False)}\n"
        '    include = ["registry.terraform.io/hashicorp/aws"]\n'
        "  }\n"
        "  direct {\n"
        '    exclude = ["registry.terraform.io/hashicorp/aws"]\n'
        "  }\n"
        "}\n",
        encoding="utf-8",
    )
    return written.replace(path)
