"""A separate Python process for tests from outside."""

import os
import subprocess
import sys
from pathlib import Path

import cf_purge

LAMBDA = Path(cf_purge.__file__).parents[1]


def python(
    *arguments: str, stdin: str = "", cwd: str | Path = os.sep, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run it on the function's source, with only the paths of this process's environment."""
    path = os.pathsep.join([str(LAMBDA), *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **environ}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, encoding="utf-8", timeout=60, check=False, cwd=cwd, env=environ
    )
