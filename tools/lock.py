"""Locks requirements/*.in: installs each list into an empty environment and writes down what came."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"


def main() -> None:
    for source in sorted(REQUIREMENTS.glob("*.in")):
        with tempfile.TemporaryDirectory() as home:
            python = str(Path(home) / "bin" / "python")
            subprocess.run([sys.executable, "-m", "venv", home], check=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(source)], check=True)
            frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
        source.with_suffix(".txt").write_text(f"# Locked by `make lock` from {source.name}.\n{frozen}")


if __name__ == "__main__":
    main()
