"""One upload, followed to the visitor who reads it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.bench.local.stages import Way
from tests.e2e import processes
from tests.e2e.site import Site
from tests.simulation.world import wait_for

_LOOKS_AGAIN = 0.004  # seconds
_PATIENCE = 60.0  # seconds


def followed(site: Site, key: str, version: str) -> Way:
    """Upload a version of an object that is at the edge, and return its way.

    Raises:
        TimeoutError: no visitor ever reads it.
    """
    log = site.world.folder / "aws.log"
    read_from = log.stat().st_size
    site.world.control.forget_requests()
    with site.world.visitor.staying(site.url(key)) as visit:
        wait_for(lambda: visit().cache_status == "HIT", 10, f"{key} is not at the edge")
        site.put(key, version)
        uploaded = time.time()
        while visit().text != version:
            if time.time() - uploaded > _PATIENCE:
                raise TimeoutError(f"No visitor reads {version!r} of {key} within {_PATIENCE:.0f} s.")
            time.sleep(_LOOKS_AGAIN)
        seen = time.time()
    request = site.world.purge_of(site.url(key), 0.0)
    site.empties()
    told = moments(log, read_from, site.name)
    handed = next(moment for moment in told if moment["moment"] == "handed" and moment["sent"])
    ready = next((moment["at"] for moment in told if moment["moment"] == "ready"), None)
    assert request.answered is not None  # or it would not have been accepted
    return Way(uploaded, handed["sent"][0], handed["at"], ready, request.time, request.answered, seen)


def moments(log: Path, read_from: int, function: str) -> list[dict[str, Any]]:
    """Return what the local AWS tells of a function's processes, from that byte of its log on."""
    with open(log, "rb") as file:
        file.seek(read_from)
        lines = file.read().decode(errors="replace").splitlines()
    told = [json.loads(line[line.index('{"moment"') :]) for line in lines if '{"moment"' in line]
    return [moment for moment in told if moment["function"] == function]


def chill(site: Site) -> None:
    """End the function's processes, so that the next event starts one."""
    wait_for(lambda: processes.kill(site) == 0, 10, "the function's processes do not end")
