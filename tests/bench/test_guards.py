"""That neither a cold start nor a batch has become dearer."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.bench import guards

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
ALLOWED = {"3.11": {"cold": {"modules": 100}}, "3.13": {"cold": {"modules": 200}}}


def test_a_cold_import_and_a_batch_stay_within_their_budget() -> None:
    counted = guards.counts()
    assert all(count > 0 for counts in counted.values() for count in counts.values())
    assert guards.exceeded(counted, VERSION, guards.budget()) == []


def test_counting_twice_gives_the_same() -> None:
    first, second = ({what: counts["instructions"] for what, counts in guards.counts().items()} for _ in "ab")
    assert first == second


@pytest.mark.parametrize(
    ("version", "modules", "is_exceeded"),
    [
        ("3.11", 100, False),
        ("3.11", 110, False),
        ("3.11", 111, True),
        ("3.13", 220, False),
        ("3.13", 221, True),
        ("3.14", 300, False),
        ("3.14", 301, True),
    ],
)
def test_a_count_may_be_a_tenth_above_its_budget_or_half_where_the_version_has_none(
    version: str, modules: int, is_exceeded: bool
) -> None:
    said = guards.exceeded({"cold": {"modules": modules}}, version, ALLOWED)
    assert bool(said) == is_exceeded


@pytest.mark.parametrize(
    ("module", "before", "more", "what"),
    [
        ("aws", "import json\n", "import botocore.auth\n", "cold"),
        ("purger", "        lanes = self._lanes(purges)\n", "        import asyncio\n", "cold"),
        (
            "cloudflare",
            "        self._email = config.email\n",
            "        import ssl; ssl.create_default_context()\n",
            "cold",
        ),
        ("targets", "    path = path_of(key, target)\n", "    [None for _ in key * 50]\n", "batch"),
        ("events", "    asked = Asked()\n", "    asked = [Asked() for _ in range(100)][0]\n", "batch"),
    ],
)
def test_what_makes_it_dearer_is_told(tmp_path: Path, module: str, before: str, more: str, what: str) -> None:
    shutil.copytree(guards.ROOT / "lambda" / "cf_purge", tmp_path / "cf_purge")
    file = tmp_path / "cf_purge" / f"{module}.py"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, before + more))
    said = guards.exceeded(guards.counts(source=tmp_path), VERSION, guards.budget())
    assert any(sentence.startswith(f"{what}: ") for sentence in said)


def test_every_supported_python_that_was_there_has_a_budget() -> None:
    assert {"3.11", "3.12", "3.13"} <= set(guards.budget())
