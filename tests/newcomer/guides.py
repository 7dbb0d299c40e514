"""What README and the examples tell a newcomer to do, and what comes of it.

The commands themselves stand in the documents and nowhere else. `test_newcomer.py` in tests/tools fails when a document
has commands that are not named here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools import markdown

REGION = "eu-west-1"  # of every provider block that the documents show
USAGE = "README.md"  # whose first block of HCL is the module's
DOCUMENTS = (USAGE, "examples/*/README.md")


class Commands(NamedTuple):
    """A fenced block of commands."""

    document: str
    has: str  # which no other block of the document has
    shows: str  # a regular expression: what its output has when it went well; a group in it is what is told
    replaced: Mapping[str, str] = {}  # what the document leaves to its reader; {token} and the like are the world's


class Upload(NamedTuple):
    """An object, and what is purged for it."""

    key: str
    purged: Sequence[Any]
    kind: str = "files"
    page: str | None = None  # where visitors read it, if they read the object itself


class Guide(NamedTuple):
    """One root, from nothing to the first purge."""

    name: str
    folder: str  # of the root, in the clone; "" is the newcomer's own
    bucket: str
    commands: Sequence[Commands]
    uploads: Sequence[Upload]
    variables: Mapping[str, str] = {}  # the example's own that are to be replaced


_TOKEN = "printf %s"
_APPLIED = r"Apply complete! Resources: \d+ added, 0 changed, 0 destroyed\."
_WELL = r'"success": true.*"(The token may purge zone [^"]* belongs? to it\.)"'
_FOLDER = Upload("a/index.html", ["https://www.example.com/a/"], page="https://www.example.com/a/")


def _example(name: str) -> str:
    return f"examples/{name}/README.md"


_BASIC = Commands(_example("basic"), _TOKEN, _APPLIED)
# README's own root comes to its end before basic begins: both are called site-purge.
OWN = Guide(
    "README",
    "",
    "www.example.com",
    (
        _BASIC,  # README leaves the token, init and apply to the example
        Commands(USAGE, '{"check": true}', _WELL),
        Commands(
            USAGE, '"dry_run": true', r'"success": true, ("invalidations": .*"https://www\.example\.com/news/"\])'
        ),
    ),
    (_FOLDER,),
)
EXAMPLES = (
    Guide("basic", "examples/basic", "www.example.com", (_BASIC,), (_FOLDER,)),
    Guide(
        "complete",
        "examples/complete",
        "corporate.example.com",
        (
            Commands(
                _example("complete"),
                _TOKEN,
                f"(?s){_APPLIED}.*{_WELL}",
                {"--key-id KEY": "--key-id {key}"},
            ),
        ),
        (
            Upload(
                "public/page.html",
                ["https://corporate.example.com/page.html", "https://corporate.example.com/page"],
                page="https://corporate.example.com/page.html",
            ),
        ),
        {"account_id": "{account}", "api_token_kms_key_arn": "{key}", "cloudflare_api_url": "{api}"},
    ),
    Guide(
        "multi-zone",
        "examples/multi-zone",
        "media.example.com",
        (Commands(_example("multi-zone"), _TOKEN, f"(?s){_APPLIED}.*{_WELL}"),),
        # The table of its README.
        (
            Upload(
                "pages/about.html",
                [
                    f"https://{host}/{page}"
                    for host in ("www.example.org", "m.example.org")
                    for page in ("about.html", "about")
                ],
            ),
            Upload("scripts/app.js", ["www.example.org/static/js/app.js"], "prefixes"),
            Upload("images/cats/tom.jpg", ["img-images/cats"], "tags"),
            Upload(
                "feeds/news.xml",
                [
                    "https://feeds.example.net/news.xml",
                    "http://feeds.example.net/news.xml",
                    {"url": "https://feeds.example.net/news.xml", "headers": {"Origin": "https://www.example.org"}},
                ],
            ),
        ),
    ),
    Guide(
        "eventbridge",
        "examples/eventbridge",
        "docs.example.com",
        (Commands(_example("eventbridge"), _TOKEN, _APPLIED),),
        (
            Upload(
                "guides/start.html",
                ["https://docs.example.com/guides/start.html"],
                page="https://docs.example.com/guides/start.html",
            ),
        ),
    ),
    Guide(
        "external-notification",
        "examples/external-notification",
        "shop.example.com",
        (Commands(_example("external-notification"), _TOKEN, _APPLIED),),
        (Upload("sale.html", ["https://shop.example.com/sale.html"], page="https://shop.example.com/sale.html"),),
    ),
)
# `make demo` ends well only when every visitor saw what the demo says. `make test` is what the other workflow runs.
DEMO = (
    Commands(USAGE, "make demo", r"All as it should be, in \d+ s\."),
    Commands(_example("local"), "make demo", r"All as it should be"),
)
FLAT = Commands(
    USAGE,
    "python3 -m cf_purge",
    r'"success": true',
    {
        "CLOUDFLARE_ZONE_ID=...": "CLOUDFLARE_ZONE_ID={zone} CLOUDFLARE_API_URL={api} SSL_CERT_FILE={authority}",
        "CLOUDFLARE_API_KEY=...": "CLOUDFLARE_API_KEY={token}",
    },
)
KNOWN = (*DEMO, *(commands for guide in (OWN, *EXAMPLES) for commands in guide.commands), FLAT)


def text_of(commands: Commands, clone: Path, world: Mapping[str, str]) -> str:
    """Return the commands as a reader types them.

    Raises:
        LookupError: the document no longer has them, or nothing to be replaced in them.
    """
    document = (clone / commands.document).read_text(encoding="utf-8")
    texts = [block.text for block in shell_blocks(document) if commands.has in block.text]
    if len(texts) != 1:
        raise LookupError(f"{commands.document} has {len(texts)} blocks of commands with {commands.has!r}.")
    (text,) = texts
    for placeholder, value in commands.replaced.items():
        if placeholder not in text:
            raise LookupError(f"{commands.document} has no {placeholder!r} to replace in: {text}")
        text = text.replace(placeholder, value.format_map(world))
    return text


def usage(clone: Path) -> str:
    """Return the HCL with which README shows the module."""
    text = (clone / USAGE).read_text(encoding="utf-8")
    found = [block.text for block in markdown.blocks(text) if block.language == "hcl"]
    return next(text for text in found if re.match(r'module "cf_purge" \{\n  source *= ', text))


def shell_blocks(document: str) -> list[markdown.Block]:
    return [block for block in markdown.blocks(document) if block.language in ("sh", "bash", "shell", "console")]
