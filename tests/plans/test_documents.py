"""Every block of HCL in the documents, planned as a reader would use it, and what the recipes purge.

A block without the module gets one, with the block's inputs and those that it lacks; a source in the registry becomes
ours.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cf_purge.__main__ import main
from tests.examples import finding_the_module
from tests.plans.planning import PROVIDER, Plan, label, planned
from tests.support.servers import serving, write
from tools.problems import ROOT
from tools.terraform import initialised

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md"), *ROOT.glob("examples/*/*.md")]
ZONE = "0123456789abcdef0123456789abcdef"
NEEDED = {
    "source": '"../.."',
    "bucket": '"www.example.com"',
    "api_token_parameter": '"/token"',
    "targets": f'[{{ zone_id = "{ZONE}" }}]',
}
_BLOCK = re.compile(r"^#+ ([^\n]+)$|^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SOURCE = re.compile(r'^(  source +=) "cf-purge/cf-purge/aws".*\n(?:  version +=.*\n)?', re.MULTILINE)
_IMPORT = re.compile(r"^import \{.*?^\}$", re.MULTILINE | re.DOTALL)
_OUTPUT = (
    'output "config_json" {\n  value = try([module.cf_purge.config_json], values(module.cf_purge)[*].config_json)\n}\n'
)


def blocks() -> Iterator[tuple[str, str]]:
    """Yield each block with the name of its document and the heading above it."""
    for document in DOCUMENTS:
        heading, count = "", 0
        for title, language, block in _BLOCK.findall(document.read_text(encoding="utf-8")):
            if title:
                heading, count = title, 0
            elif language in ("hcl", "terraform", "tf"):
                count += 1
                name = label(f"{document.relative_to(ROOT)} {heading.replace('`', '')} {count}".lower())
                yield name.removesuffix("_1"), block


BLOCKS = dict(blocks())


def completed(name: str, block: str) -> str:
    """Return a block as the main file of a module."""
    block = _SOURCE.sub(rf"\1 {NEEDED['source']}\n", _IMPORT.sub("", block)).strip()
    if 'module "cf_purge"' not in block:
        inputs, others = ("", block) if re.search(r'^\w+ ("[^"]+" )*\{$', block, re.MULTILINE) else (block, "")
        needed = {"name": json.dumps(name.rpartition("_md_")[2][:50]), **NEEDED}
        missing = [
            f"  {key} = {value}" for key, value in needed.items() if not re.search(rf"^{key} ", inputs, re.MULTILINE)
        ]
        block = "\n".join(['module "cf_purge" {', *missing, inputs, "}", others])
    return f"{block}\n{_OUTPUT}"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Plan]]:
    """A root with every block in a module of its own. An import asks S3, which answers that nothing is configured."""
    folder = tmp_path_factory.mktemp("documents")
    text = ""
    for name, block in BLOCKS.items():
        (folder / name).mkdir()
        (folder / name / "main.tf").write_text(finding_the_module(completed(name, block), folder / name))
        text += f'module "{name}" {{\n  source = "./{name}"\n}}\n'
        text += f'output "{name}" {{\n  value = module.{name}.config_json\n}}\n'
        for each in _IMPORT.findall(block):
            text += f"{each.replace(' module.', f' module.{name}.module.')}\n"
    with serving(lambda handler: write(handler, body=b"<NotificationConfiguration/>")) as server:
        s3 = f'\n  s3_use_path_style = true\n  endpoints {{\n    s3 = "{server.url}"\n  }}\n}}\n'
        (folder / "main.tf").write_text(PROVIDER.rstrip("}\n") + s3 + text)
        initialised(folder)
        yield folder, planned(folder)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_in_the_documents_is_planned(root: tuple[Path, Plan], block: str) -> None:
    actions = {tuple(change["change"]["actions"]) for change in root[1].changes(block)}
    assert ("create",) in actions
    assert not any("delete" in each for each in actions)


def test_the_readme_shows_the_basic_example() -> None:
    (shown,) = [block for name, block in BLOCKS.items() if name.startswith("readme_md_")]
    _, _, example = (ROOT / "examples" / "basic" / "main.tf").read_text(encoding="utf-8").partition("\n\n")
    assert _SOURCE.sub('  source = "../.."\n', shown) == example


@pytest.mark.parametrize(
    ("name", "key", "purged"),
    [
        ("static_site_with_clean_urls", "a/index.html", "url /a | url /a/ | url /a/index.html"),
        ("single_page_application", "index.html", "host www.example.com | url / | url /index.html"),
        ("single_page_application", "app.js", "url /app.js"),
        ("deploy_with_aws_s3_sync", "a.html", "url /a.html, 60 seconds later"),
        ("deploy_with_aws_s3_sync", "assets/app.3f2a.js", "url /assets/app.3f2a.js"),
        ("deploy_with_aws_s3_sync_2", "_released", "host www.example.com | url /_released"),
        ("deploy_with_aws_s3_sync_2", "a.html", "skipped: exclude has *.html"),
        ("assets_with_hashes", "assets/app.3f2a.js", "skipped: include has no glob for it"),
        (
            "blog_with_feed_and_lists",
            "posts/2026/a.html",
            "url / | url /amp/posts/2026/a.html | url /feed.xml | url /posts/2026/ | url /posts/2026/a.html",
        ),
        ("images_with_resizing", "img/a.jpg", "prefix www.example.com/img/a.jpg | url /img/a.jpg"),
        ("two_hosts_and_a_redirect", "a.css", "url https://static.example.com/a.css | url /a.css"),
        ("bucket_behind_cloudfront_behind_cloudflare", "a.css", "url /a.css, 90 seconds later"),
        ("docs-purge", "docs/a.html", "url https://docs.example.com/a.html"),
        ("docs-purge", "shop/a.html", "skipped: no target serves it"),
    ],
)
def test_a_recipe_purges_what_it_says(
    root: tuple[Path, Plan], name: str, key: str, purged: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the first plan no ARN is known, so the preview takes the output."""
    assert main(["preview", "--plan", str(root[0] / "plan.json"), "--name", name, key]) == 0
    first, *others = capsys.readouterr().out.replace("url https://www.example.com/", "url /").splitlines()
    assert first == key
    assert [line.strip().removeprefix(f"zone {ZONE} ") for line in others] == purged.split(" | ")
