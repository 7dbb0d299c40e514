"""`make newcomer`: does what somebody does who has just found the repository, by its documents, on the local world.

Clones it, runs `make demo`, then follows README and every example's README literally, to the first purge of each.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from tests.e2e.roots import DEPLOYMENTS, SITES
from tests.newcomer import guides
from tests.newcomer.newcomer import Newcomer, emulator
from tests.newcomer.shell import Shell, Stumbled, cli
from tests.simulation import aws
from tests.simulation.cloudflare import process
from tests.simulation.world import World, local_world
from tools import terraform
from tools.problems import ROOT, Problem

_LOGS = ROOT / ".logs" / "newcomer"
_AT_ONCE = 3  # mostly waiting, but each has a provider of half a gigabyte
_SITE = SITES[0]  # README's
_FLAT_KEY = "by-shell.html"


def say(text: str) -> None:
    print(text, flush=True)


def cloned(repository: Path, clone: Path) -> None:
    """Clone what is committed, and say what is not."""
    changed = subprocess.run(
        ["git", "status", "--short"], cwd=repository, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    say(
        f"git clone {repository}" + (f", without what is not committed: {len(changed)} of its files" if changed else "")
    )
    done = subprocess.run(["git", "clone", "--quiet", repository, clone], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"{repository} cannot be cloned: {done.stderr.strip()}")


def demonstrated(clone: Path) -> None:
    """Run `make demo` as README says."""
    started = time.monotonic()
    text = guides.text_of(guides.DEMO[0], clone, {})
    shown = Shell(_LOGS / "demo.log", _provider()).type(text, clone, guides.DEMO[0].shows)
    say(f"{guides.USAGE}:\n    {text.strip()}\n  {time.monotonic() - started:.0f} s: {shown}")


def followed(world: World, home: Path, clone: Path) -> list[str]:
    """Follow every guide, some at once, and return what went wrong."""
    path, which = cli(_LOGS / "bin")
    say(which)
    configured = {name: value for name, value in terraform.environment().items() if name == "TF_CLI_CONFIG_FILE"}
    variables = {"PATH": path, **configured, **_provider()}
    newcomer = Newcomer(world, home, clone, variables, _LOGS / "commands.log", say)
    say(
        "What is changed of a root, because this is no AWS and no Cloudflare:\n"
        + "".join(f"    {line}\n" for line in f"{newcomer.override}\n{emulator(clone)}".splitlines())
    )

    def readme_and_basic() -> None:
        newcomer.bucket(guides.OWN.bucket)
        newcomer.follow(guides.OWN)
        _flat(newcomer, clone)
        newcomer.leave(DEPLOYMENTS["basic"].parameter)
        newcomer.follow(guides.EXAMPLES[0])

    def others(guide: guides.Guide) -> Callable[[], None]:
        def follow() -> None:
            newcomer.bucket(guide.bucket)
            newcomer.follow(guide)

        return follow

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        ways = {"README and basic": readme_and_basic, **{each.name: others(each) for each in guides.EXAMPLES[1:]}}
        under_way = {name: threads.submit(way) for name, way in ways.items()}
        try:
            wait(under_way.values())
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)  # Ctrl-C reaches what is under way by itself
            raise
    wrong = {name: error for name, future in under_way.items() if (error := future.exception())}
    for error in wrong.values():
        if not isinstance(error, Stumbled | TimeoutError | LookupError):
            raise error
    return [f"{name}: {error}" for name, error in wrong.items()]


def _flat(newcomer: Newcomer, clone: Path) -> None:
    """Run the function from the shell, as README says, with an event of the reader's own."""
    changed = {"bucket": {"name": _SITE.origin}, "object": {"key": _FLAT_KEY}}
    event = {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": changed}]}
    (clone / "lambda" / "event.json").write_text(json.dumps(event))
    before = time.time()
    newcomer.type(guides.OWN.name, guides.FLAT, clone, zone=_SITE.zone_id)
    newcomer.purged("files", f"https://{_SITE.hosts[0]}/{_FLAT_KEY}", before)


def _provider() -> dict[str, str]:
    """Where every root finds the provider: it unpacks to 700 MB, so it is downloaded once."""
    cache = os.environ.get("TF_PLUGIN_CACHE_DIR") or str(ROOT / ".cache" / "plugins")
    Path(cache).mkdir(parents=True, exist_ok=True)
    return {"TF_PLUGIN_CACHE_DIR": cache, "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true"}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.newcomer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repository", type=Path, default=ROOT, help="what is cloned; its last commit counts")
    asked = parser.parse_args(arguments)
    started = time.monotonic()
    _LOGS.mkdir(parents=True, exist_ok=True)
    for log in _LOGS.glob("*.log"):
        log.unlink()
    try:
        with tempfile.TemporaryDirectory(prefix="newcomer-") as name:
            home = Path(name).resolve() / "site"
            clone = home / "modules" / "cf_purge"
            cloned(asked.repository.resolve(), clone)
            demonstrated(clone)
            with local_world(_LOGS / "world", say, SITES) as world:
                wrong = followed(world, home, clone)
    except (Problem, Stumbled, LookupError, aws.StartError, process.StartError) as problem:
        wrong = [str(problem)]
    except KeyboardInterrupt:
        return 130
    for text in wrong:
        print(f"\nA newcomer stumbles: {text}", file=sys.stderr)
    verdict = "Not all is as the documents say" if wrong else "All is as the documents say"
    say(f"\n{verdict}, in {time.monotonic() - started:.0f} s.")
    say(f"What was typed and answered is in {_LOGS.relative_to(ROOT)}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
