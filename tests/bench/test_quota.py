"""A share of a CPU is one, is gone afterwards, and is looked for where this machine has it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench import quota
from tests.bench.effort import QUICK, Effort
from tests.bench.processes import share
from tests.bench.processes.process import Run
from tests.bench.processes.share import FULL, NoQuota, group, mounts

_BUSY = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass"

_ALL = Path("/sys/fs/cgroup")
_CPU = _ALL / "cpu,cpuacct"
_V1 = """\
30 25 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
36 30 0:31 / /sys/fs/cgroup/cpuset rw,nosuid - cgroup cgroup rw,cpuset
37 30 0:32 /docker/4f /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:12 - cgroup cgroup rw,cpu,cpuacct
"""
_V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(
    ("mountinfo", "found"),
    [
        (_V1, {"1": (_CPU, Path("/docker/4f"))}),
        (_V2, {"2": (_ALL, Path("/"))}),
        (_V1 + _V2, {"1": (_CPU, Path("/docker/4f")), "2": (_ALL, Path("/"))}),
        ("30 25 0:26 / / rw - ext4 /dev/vda rw\n", {}),
    ],
)
def test_the_groups_are_found_wherever_they_are_mounted(mountinfo: str, found: dict[str, tuple[Path, Path]]) -> None:
    assert mounts(mountinfo) == found


def busy(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(arguments, check=True)
    return time.perf_counter() - began


def test_a_process_gets_its_share_and_no_more_and_the_group_is_gone_afterwards() -> None:
    try:
        with group(256) as small:
            folder = small.members.parent
            assert folder.is_dir()
            throttled = busy(small.entering([sys.executable, "-I", "-S", "-c", _BUSY]))
    except NoQuota as problem:
        pytest.skip(str(problem))
    assert throttled > 0.1 / (256 / FULL) * 0.9  # 0.1 s of CPU
    assert not folder.exists()


def test_a_running_process_is_put_into_a_group_and_the_group_is_removed_even_then() -> None:
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(60)"])
    try:
        with group(128) as small:
            small.add(process.pid)
            assert small.members.read_text().split() == [str(process.pid)]
            process.kill()
            process.wait()
    except NoQuota as problem:
        pytest.skip(str(problem))
    finally:
        process.kill()
        process.wait()
    assert not small.members.parent.exists()


def test_of_version_2_one_file_has_share_and_period(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory")
    monkeypatch.setattr(share, "mounts", lambda _: {"2": (tmp_path, Path("/"))})
    removed: list[Path] = []
    monkeypatch.setattr(share, "_remove", removed.append)
    with group(FULL // 2) as half:
        assert half.members.parent.parent == tmp_path
        assert (half.members.parent / "cpu.max").read_text() == "9994 20000"
    assert removed == [half.members.parent]


def test_a_machine_without_such_groups_says_so_and_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share, "mounts", lambda _: {})
    part = quota.measure(Effort())
    assert (part.figures, part.samples) == ([], {})
    assert "No CPU quota can be set here" in part.notes[0]


def test_a_quick_run_leaves_the_quotas_out() -> None:
    assert "left out" in quota.measure(QUICK).notes[0]


def test_a_million_quiet_changes_cost_their_requests_and_both_phases_of_each_by_the_millisecond() -> None:
    run = Run(answered=250.2, asked=100.5, cpu=0.0, peak=0.0, answers=[], output="")
    # 101 ms and 150 ms of half a GB; 0.0000133334 $ a GB-second, 0.20 $ a million requests.
    assert quota.dollars(run, 512) == pytest.approx(0.20 + 0.251 * 0.5 * 13.3334)
