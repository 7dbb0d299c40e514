"""A copy of what the Makefile needs, and machines that lack or have what a test says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.problems import ROOT

_COPIED = ("Makefile", ".ci", "tools", "versions.tf", "tests/simulation/watched.py")


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the checkout's tooling; its lists of requirements are empty."""

    root: Path

    @staticmethod
    def copied(root: Path) -> Project:
        for name in _COPIED:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, root / name)
        project = Project(root)
        for name in ("dev", "demo", "compliance"):
            project.write(f"requirements/{name}.txt", "")
        return project

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False, timeout=120)

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-c", code)


def executable(path: Path, script: str) -> Path:
    """Write a shell script that can be run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def one_sentence(text: str) -> bool:
    """Tell whether this is one sentence on one line, or one with an explanation in brackets behind it."""
    sentence = re.sub(r" \([^()]*\)$", "", text.strip())
    return "\n" not in sentence and "Traceback" not in text and sentence.endswith(".") and ". " not in sentence
