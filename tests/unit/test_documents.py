"""What the documents say of the function is what it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cf_purge.config import Target
from cf_purge.targets import pages_of, path_of, spellings
from tests.unit.factories import ZONE

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, its own heading left out."""
    table = re.search(r"^\|(?:.*\n\|)+.*$", TEXT.split(f"## {heading}\n")[1], re.MULTILINE)
    assert table
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table[0].splitlines()[2:]]


@pytest.mark.parametrize(("key", "_rule", "urls"), rows("From a key to URLs"))
def test_the_table_of_keys_is_true(key: str, _rule: str, urls: str) -> None:
    quoted = re.findall(r"`([^`]*)`", key)
    prefixes = dict(re.findall(r'(key_prefix|path_prefix) = "(\w+)"', key))
    target = Target(
        ZONE, **{name: f"{folder}/" for name, folder in prefixes.items()}, clean_urls="`clean_urls = true`" in key
    )
    path = path_of(quoted[0], target)
    pages = [] if path is None else [path, *pages_of(path, target)]
    assert {f"/{spelling}" for page in pages for spelling in spellings(page)} == set(re.findall(r"`([^`]*)`", urls))


def test_the_table_of_reason_codes_is_whole() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "lambda" / "cf_purge").glob("*.py"))
    codes = set(re.findall(r'"((?:Unknown|Foreign|Malformed|Rejected|TooLarge)[A-Za-z]*)"', source))
    assert {code.strip("`") for code, _ in rows("Reason codes of parked messages")} == codes
