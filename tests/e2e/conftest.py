"""One local world for all end-to-end tests, and two applies: examples/local, and all other roots together."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

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
    """Order tests: those of examples/local run while the other roots are planned and destroyed."""
    match item.path.stem:
        case "test_bulk" | "test_faults":
            return 4
        case "test_upgrade_and_secrets":
            return 3 if "others" in item.name else 5
    if "every_command" in item.name:
        return 2
    return int("roots" in getattr(item, "fixturenames", ()))


@dataclass(frozen=True)
class Started:
    """The world, with both applies in progress or done."""

    world: World
    local: Future[Terraform]
    others: Future[Terraform] | None  # None if no test of this run needs them
    threads: ThreadPoolExecutor


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest) -> Iterator[Started]:
    reporter = request.config.pluginmanager.getplugin("terminalreporter")
    items = request.session.items
    plans = any(item.path.stem == "test_upgrade_and_secrets" for item in items)
    composes = plans or any("roots" in getattr(item, "fixturenames", ()) for item in items)

    def say(line: str) -> None:
        reporter.write_line(line)

    def apply(terraform: Terraform) -> Terraform:
        """Apply, and plan again before a test changes anything."""
        terraform.apply()
        upgrade(terraform)
        if plans:
            terraform.plan()
        return terraform

    with local_world(FOLDER, say, DOMAINS) as world, ThreadPoolExecutor() as threads:
        local = threads.submit(apply, world.terraform)
        others = threads.submit(apply, composed(world, FOLDER / "roots", say)) if composes else None
        yield Started(world, local, others, threads)  # `make demo` destroys examples/local


@pytest.fixture(scope="session")
def applied(started: Started) -> World:
    """The world with examples/local applied."""
    started.local.result()
    return started.world


@pytest.fixture(scope="session")
def roots(started: Started) -> Terraform:
    """All other roots, applied."""
    assert started.others is not None
    return started.others.result()


@pytest.fixture(scope="session")
def leaving(started: Started) -> Future[None] | None:
    """All other roots while they are destroyed, because no test needs them any more."""
    return started.threads.submit(started.others.result().destroy) if started.others else None


@pytest.fixture
def quiet(started: Started) -> Iterator[World]:
    """The world, whose Cloudflare has no faults and knows nothing of earlier tests."""
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
    """A shell in which the first commands of docs/operations.md have set the names of examples/basic."""
    shell = Shell(applied, tmp_path_factory.mktemp("operations"))
    shell.open()
    return shell


@pytest.fixture
def basic(deployed: Callable[[str], Site]) -> Iterator[Site]:
    """The website of examples/basic, whose dead letters stay visible after they are read."""
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
