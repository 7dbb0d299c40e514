"""A share of one CPU for a process, as a Lambda function has by its memory: a group of the kernel's with a quota.

https://docs.kernel.org/scheduler/sched-bwc.html
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# AWS tells the share, not the period; this is the one that others report. It makes the waits, not the speed.
PERIOD = 20_000  # microseconds
FULL = (
    1769  # MB with which a function has one CPU, https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
)

_MOUNT = re.compile(r"^\S+ \S+ \S+ (\S+) (\S+) .* - (cgroup2?) \S+ (\S+)$", re.MULTILINE)


class NoQuota(Exception):
    """This machine lets us set none; the text says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """A group whose processes together get their share and no more."""

    members: Path

    def entering(self, arguments: Sequence[str]) -> list[str]:
        """Return the command that enters the group and then becomes another; the shell takes about a millisecond."""
        return ["/bin/sh", "-c", 'echo 0 > "$0" && exec "$@"', str(self.members), *arguments]

    def add(self, pid: int) -> None:
        """Put a process into it, with all its threads."""
        self.members.write_text(str(pid))


@contextmanager
def group(memory: int) -> Iterator[Group]:
    """Make a group with the share of a function of so many MB, for as long as the block.

    Raises:
        NoQuota: there is no such controller, or no right to make a group of it.
    """
    parent, is_v2 = _parent()
    folder = parent / f"cf-purge-bench-{os.getpid()}-{memory}"
    quota = round(memory / FULL * PERIOD)
    with contextlib.ExitStack() as stack:
        try:
            stack.callback(_remove, folder)
            folder.mkdir()
            if is_v2:
                (folder / "cpu.max").write_text(f"{quota} {PERIOD}")
            else:
                (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
                (folder / "cpu.cfs_quota_us").write_text(str(quota))
        except OSError as error:
            raise NoQuota(f"No CPU quota can be set here ({error}): run it as root.") from None
        yield Group(folder / "cgroup.procs")


def mounts(mountinfo: str) -> dict[str, tuple[Path, Path]]:
    """Return where version "1" (its cpu controller) and "2" are mounted, and which of their groups is seen there."""
    found: dict[str, tuple[Path, Path]] = {}
    for root, point, kind, options in _MOUNT.findall(mountinfo):
        if kind == "cgroup2" or "cpu" in options.split(","):
            found["2" if kind == "cgroup2" else "1"] = Path(point), Path(root)
    return found


def _parent() -> tuple[Path, bool]:
    """Return the group to make ours in, and whether it is of version 2."""
    try:
        found = mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        raise NoQuota("No CPU quota can be set here: only Linux has these groups.") from None
    if "1" in found:
        groups = [line.split(":", 2) for line in lines]  # number:controllers:path
        own = next((path for _, controllers, path in groups if "cpu" in controllers.split(",")), "/")
        return _below(*found["1"], own), False
    # Below our own group only while no process is in it, and we are: so beside it, at the top.
    if "2" in found and _divides_cpu(found["2"][0]):
        return found["2"][0], True
    raise NoQuota("No CPU quota can be set here: no group may divide the CPU.")


def _divides_cpu(folder: Path) -> bool:
    """Tell whether the groups in a folder of version 2 may have a share of the CPU, and see to it where we may."""
    control = folder / "cgroup.subtree_control"
    with contextlib.suppress(OSError):
        if "cpu" not in control.read_text(encoding="utf-8").split():
            control.write_text("+cpu")
        return "cpu" in control.read_text(encoding="utf-8").split()
    return False


def _below(point: Path, root: Path, own: str) -> Path:
    """Return the folder of a group that is called `own`, where a part of the tree, from `root` on, is mounted."""
    with contextlib.suppress(ValueError):
        folder = point / Path(own).relative_to(root)
        if folder.is_dir():
            return folder
    return point


def _remove(folder: Path) -> None:
    for _ in range(50):  # a process that was just killed is in it for a moment more
        with contextlib.suppress(OSError):
            folder.rmdir()
        if not folder.is_dir():
            return
        time.sleep(0.1)
