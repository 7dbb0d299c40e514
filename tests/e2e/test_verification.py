"""Whether visitors see a purge: the runbook's `explain`, and `wait` as docs/usage.md and the GitHub action have it."""

import json
import re
import subprocess
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.e2e.runbook import DOCUMENT, Shell, commands_in
from tests.simulation.site import Site
from tests.simulation.world import ROOT

PAGE = "news/index.html"
[LINE] = re.findall(r"^```sh\n(test .*?)^```$", (ROOT / "docs" / "usage.md").read_text(), re.MULTILINE | re.DOTALL)
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
[STEP] = [step for step in ACTION["runs"]["steps"] if "run" in step]


@pytest.fixture
def site(basic: Site) -> Site:
    """The document's own example, where visitors see an old page."""
    basic.put_and_purge(PAGE, "old")
    basic.empties()
    return basic


def kept(site: Site) -> None:
    """The edge has a copy that it keeps whatever Cloudflare accepts."""
    assert [site.reads(PAGE)[2] for _ in range(2)][1] == "HIT"
    time.sleep(1)  # an age is in whole seconds
    site.world.control.keep_copies()


def bash(shell: Shell, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]  # as GitHub runs `shell: bash`
    return subprocess.run(
        command, cwd=shell.folder, env={**shell.environ, **variables}, capture_output=True, text=True, check=False
    )


def test_from_a_stale_page_to_its_cause_and_back(shell: Shell, site: Site) -> None:
    site.reads("news/")
    kept(site)
    site.put_and_purge(PAGE, "new")
    found = shell.answer("A page is stale", "explain")
    assert (found["code"], [entry["key"] for entry in found["covered_by"]]) == ("STALE", [PAGE])
    site.world.control.clear_faults()
    site.put_and_purge(PAGE, "new")
    assert shell.answer("A page is stale", "explain")["code"] == "FRESH"


def test_the_alarms_of_verify_lead_to_lines_of_the_log_and_to_an_explanation(shell: Shell, site: Site) -> None:
    site.put_and_purge("css/site.css", "body {}")
    site.reads("css/site.css")
    for verdict in ("stale", "unverifiable"):  # the function does not verify, so there are none
        assert shell.log_lines(verdict, f"--filter-pattern {verdict}") == []
    shell.run_all("stale", "URL=")
    found = shell.answer("stale", "explain")
    assert (found["url"], found["code"]) == (site.url("css/site.css"), "FRESH")


def test_the_line_of_shell_ends_when_visitors_see_it_and_fails_when_they_do_not(shell: Shell, site: Site) -> None:
    site.put_and_purge(PAGE, "new")
    assert bash(shell, LINE).returncode == 0
    answer = json.loads((shell.folder / "answer.json").read_text())
    assert (answer["renewed"], answer["verified"]) == ([site.url(PAGE), site.url("news/")], True)
    kept(site)
    done = bash(shell, LINE.replace('"wait": 20', '"wait": 2'))
    assert done.returncode == 1
    assert site.url(PAGE) in json.loads(json.loads(done.stdout)["errorMessage"])["stale"]


@pytest.mark.parametrize("fails", ["not", "stale", "refused"])
def test_the_action_says_what_visitors_see(shell: Shell, site: Site, fails: str) -> None:
    summary = shell.folder / "summary.md"
    summary.write_text("")
    since = datetime.now(UTC).isoformat(timespec="seconds")
    site.put_and_purge(PAGE, "new")
    site.empties()
    inputs = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()}
    inputs |= {"function-name": site.name, "keys": f"{PAGE}\n\n", "urls": f"{site.url('news/')}?p=2\n", "since": since}
    if fails == "stale":
        kept(site)
        inputs |= {"wait": "2", "since": ""}
    if fails == "refused":
        inputs |= {"wait": "999"}
    given = re.compile(r"\$\{\{ inputs\.(.*?) \}\}")
    env = {name: given.sub(lambda found: inputs[found[1]], text) for name, text in STEP["env"].items()}
    done = bash(shell, STEP["run"], **env, RUNNER_TEMP=str(shell.folder), GITHUB_STEP_SUMMARY=str(summary))
    assert (done.returncode == 0) == (fails == "not"), done.stdout + done.stderr
    text = summary.read_text()
    assert text == done.stdout
    heading, *lines = text.splitlines()
    if fails == "not":
        assert heading == "### Purged and seen"
        assert lines == [f"- fresh: {url}" for url in (site.url(PAGE), site.url("news/"), f"{site.url('news/')}?p=2")]
    else:
        assert heading == "### Not purged, or not seen"
        assert {"stale": f"- stale: {site.url(PAGE)}", "refused": '"wait" must be'}[fails] in text


# ---- All of the runbook, whose last section is above ----


def test_every_command_of_the_document_has_been_run(opened: Shell, request: pytest.FixtureRequest) -> None:
    chosen = {item.path.stem for item in request.session.items}
    if request.config.option.keyword or "test_operations" not in chosen:
        pytest.skip("the tests that run the commands are not chosen")
    commands = {line for lines in commands_in(DOCUMENT.read_text(encoding="utf-8")).values() for line in lines}
    assert len(commands) > 40
    assert commands - opened.ran == set()
