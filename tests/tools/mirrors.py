"""Provider mirrors as they are found on machines, good and bad; the provider itself is a script."""

from __future__ import annotations

from pathlib import Path

from tests.tools.project import executable
from tools import provider

SOURCE = Path("registry.terraform.io/hashicorp/aws")


def mirror(folder: Path, version: str = "5.100.0", platform: str | None = None) -> Path:
    """Make an unpacked mirror with one version for one platform, by default this one."""
    home = folder / SOURCE / version / (platform or provider._platform())
    executable(home / f"terraform-provider-aws_v{version}_x5", "exit 1")
    return folder


def packed(folder: Path) -> Path:
    """Make a mirror as `terraform providers mirror` leaves it."""
    home = folder / SOURCE
    home.mkdir(parents=True)
    (home / "index.json").write_text('{"versions": {"5.100.0": {}}}')
    (home / "5.100.0.json").write_text('{"archives": {}}')
    (home / f"terraform-provider-aws_5.100.0_{provider._platform()}.zip").write_bytes(b"PK\5\6" + bytes(18))
    return folder
