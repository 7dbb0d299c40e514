"""The local world with the module applied: started by the first part that needs it, kept for the next ones."""

from __future__ import annotations

import atexit
import signal
import sys
import time
from contextlib import ExitStack

from tests.bench.local.naive import NAIVE
from tests.e2e.site import Site
from tests.simulation.world import HOST, ROOT, local_world

FOLDER = ROOT / ".logs" / "bench"
API_LATENCY = 250  # milliseconds: the median that Cloudflare publishes for a purge by URL
# After that no burst goes on for the function, and no batch is on its way.
_QUIET = 12.0  # seconds

_kept = ExitStack()
_sites: list[Site] = []


def site() -> Site:
    """Return the website of examples/local, with a quiet queue and an API as quick as Cloudflare's.

    The world takes about 100 s to come up, ends with Python, and takes with it what was applied: Terraform need not
    destroy it.
    """
    if not _sites:
        atexit.register(_kept.close)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which else ends Python without that
        with ExitStack() as starting:
            world = starting.enter_context(local_world(FOLDER, _say, [NAIVE]))
            world.terraform.apply()
            world.control.set_latency(API_LATENCY)
            _sites.append(Site(world, "cf-purge", HOST, HOST))
            _kept.enter_context(starting.pop_all())
    return _sites[0]


def quieten(site: Site) -> None:
    """Wait until a burst is forgotten, then make the simulated Cloudflare forget its requests and their limits."""
    site.empties()
    time.sleep(_QUIET)
    site.world.control.forget_requests()
    site.world.control.reset_limits()


def _say(line: str) -> None:
    print(f"    {line}", file=sys.stderr, flush=True)
