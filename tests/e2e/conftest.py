"""One local world for all end-to-end tests, with two applies: examples/local, and all other roots together."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.roots import DEPLOYMENTS, DOMAINS, composed, upgrade
from tests.e2e.runbook import Shell
from tests.simulation.site import Site
from tests.simulation.terraform import Terraform
from tests.simulation.world import ROOT, World, local_world

FOLDER = ROOT / ".logs" / "e2e"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--objects", type=int, default=1500, help="how many objects the largest upload has")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """All other roots are planned again while tests of examples/local run, and destroyed while more of them run."""
    match item.path.stem:
        case "test_bulk" | "test_faults":
            return 4
        case "test_afterwards":
            return 3 if "others" in item.name else 5
    if "every_command" in item.name:
        return 2
    return int("roots" in getattr(item, "fixturenames", ()))


@dataclass(frozen=True)
class Applied:
    """What was applied, before any test has changed it."""

    terraform: Terraform
    plan: dict[str, Any]  # a second one, if a test of this run looks at it


@dataclass(frozen=True)
class Started:
    """The world, with both applies under way or done."""

    world: World
    local: Future[Applied]
    others: Future[Applied] | None  # None when no test of this run needs them
    threads: ThreadPoolExecutor


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest) -> Iterator[Started]:
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    items = request.session.items
    planned = any(item.path.stem == "test_afterwards" for item in items)
    composes = planned or any("roots" in getattr(item, "fixturenames", ()) for item in items)

    def say(line: str) -> None:
        reporter.write_line(line)

    def apply(terraform: Terraform) -> Applied:
        terraform.apply()
        upgrade(terraform)
        return Applied(terraform, terraform.plan() if planned else {})

    with local_world(FOLDER, say, DOMAINS) as world, ThreadPoolExecutor() as threads:
        local = threads.submit(apply, world.terraform)
        others = threads.submit(apply, composed(world, FOLDER / "roots", say)) if composes else None
        yield Started(world, local, others, threads)  # `make demo` destroys examples/local


@pytest.fixture(scope="session")
def local(started: Started) -> Applied:
    """examples/local, applied."""
    return started.local.result()


@pytest.fixture(scope="session")
def others(started: Started) -> Applied:
    """All other roots, applied."""
    assert started.others is not None
    return started.others.result()


@pytest.fixture(scope="session")
def applied(started: Started, local: Applied) -> World:
    """The world with examples/local applied."""
    return started.world


@pytest.fixture(scope="session")
def roots(others: Applied) -> Terraform:
    return others.terraform


@pytest.fixture(scope="session")
def leaving(started: Started) -> Future[None] | None:
    """All other roots while they are destroyed: no test needs them any more."""
    return started.threads.submit(started.others.result().terraform.destroy) if started.others else None


@pytest.fixture
def quiet(started: Started) -> Iterator[World]:
    """The simulated Cloudflare, healthy and without memory before and after each test."""
    control = started.world.control
    control.clear_faults()
    control.reset_limits()
    control.forget_requests()
    yield started.world
    control.clear_faults()


@pytest.fixture
def world(applied: World, quiet: World) -> World:
    return quiet


@pytest.fixture
def site(world: World) -> Iterator[Site]:
    """The website of examples/local."""
    site = Site(world)
    yield site
    site.drain()


@pytest.fixture
def deployed(roots: Terraform, quiet: World) -> Iterator[Callable[[str], Site]]:
    """The website of any other root, by the name of its folder."""
    sites: list[Site] = []

    def by_name(name: str, host: str = "") -> Site:
        deployment = DEPLOYMENTS[name]
        sites.append(Site(quiet, deployment.name, deployment.bucket, host))
        return sites[-1]

    yield by_name
    for site in sites:
        site.drain()


@pytest.fixture(scope="session")
def opened(roots: Terraform, applied: World, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell that has been told the names of examples/basic, as docs/operations.md begins."""
    shell = Shell(applied, tmp_path_factory.mktemp("operations"))
    shell.open()
    return shell


@pytest.fixture
def basic(deployed: Callable[[str], Site]) -> Iterator[Site]:
    """The website of examples/basic, with dead letters that whoever reads them may move at once."""
    site = deployed("basic")
    kept = site.sqs.get_queue_attributes(QueueUrl=site.dlq_url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    site.sqs.set_queue_attributes(QueueUrl=site.dlq_url, Attributes={"VisibilityTimeout": "0"})
    yield site
    site.sqs.set_queue_attributes(QueueUrl=site.dlq_url, Attributes=kept)
    site.sqs.purge_queue(QueueUrl=site.dlq_url)


@pytest.fixture
def shell(opened: Shell, basic: Site) -> Shell:
    """A shell for the website of examples/basic."""
    return opened.having()
