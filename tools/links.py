"""Checks what the documents link to, and the URLs in comments: `python -m tools.links [--online]`.

Within the repository a link's file and heading must be there. A URL must be one; `--online` asks its site for it, too.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tools import markdown, reached
from tools.problems import ROOT

DOCUMENTS = ("*.md", ".github/**/*.md", "docs/**/*.md", "examples/*/*.md", "tests/*/*.md")
_SOURCES = (
    "*.tf",
    "Makefile",
    "pyproject.toml",
    ".github/**/*.yml",
    "requirements/*.in",
    *(f"{folder}/**/*.{ending}" for folder in ("lambda", "tools", "examples", "tests") for ending in ("py", "tf")),
    "tests/**/*.feature",
)
# In a comment or a docstring: what stands behind a quotation mark is data.
_COMMENT = re.compile(r"^(?:[^\"'\n]|\"\"\")*", re.M)
_LINES = re.compile(r"L(\d+)(?:-L(\d+))?")


class Found(NamedTuple):
    """A link and where it stands."""

    file: Path
    line: int
    target: str | None  # None: it begins as a link and is none

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def found(root: Path = ROOT) -> Iterator[Found]:
    """Yield every link of the documents and every URL in a comment, with files as seen from the root."""
    for file in _files(root, DOCUMENTS):
        for link in markdown.links((root / file).read_text(encoding="utf-8")):
            yield Found(file, link.line, link.target)
    for file in _files(root, _SOURCES):
        text = (root / file).read_text(encoding="utf-8")
        for comment in _COMMENT.finditer(text) if "://" in text else ():
            for _, url in markdown.urls(comment[0]):
                yield Found(file, text.count("\n", 0, comment.start()) + 1, url)


def problem(link: Found, root: Path = ROOT) -> str | None:
    """Say what is wrong with a link, as far as that is known without a network; None when nothing is."""
    if link.target is None:
        return "this begins as a link and is none: it has a space, a bracket too few, or a name that is defined nowhere"
    parts = urlsplit(link.target)
    if parts.scheme in ("http", "https"):
        return _malformed(link.target)
    if parts.scheme or parts.netloc:
        return None if parts.scheme == "mailto" and "@" in parts.path else f"{link.target} is neither a path nor a URL"
    base = root if parts.path.startswith("/") else (root / link.file).parent
    path = (base / unquote(parts.path).lstrip("/")).resolve() if parts.path else root / link.file
    if not path.is_relative_to(root.resolve()) or not path.exists():
        return f"there is no {parts.path}"
    return _lost(path, parts.fragment) if parts.fragment else None


def reserved(url: str) -> bool:
    """Tell whether a URL is of nobody's site: an example's (RFC 2606), or this machine's own."""
    host = urlsplit(url).hostname or ""
    name = host.split(".")
    if name[-1] in ("example", "test", "invalid", "localhost") or name[-2:-1] == ["example"]:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _malformed(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        return f"{url} is no URL: {error}"
    if not re.fullmatch(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", host):
        return f"{url} is no URL: {host or 'nothing'} is no host"
    if parts.scheme == "http" and not reserved(url):
        return f"{url} goes over http: say https"
    if "//" in parts.path or not re.fullmatch(r"(?:[!-~]|[^\x00-\x7f])+", url):
        return f"{url} is no URL: look at its path"
    return None


def _lost(path: Path, fragment: str) -> str | None:
    """Say so when a file has no such heading or line. Of a folder GitHub shows the README."""
    file = path / "README.md" if path.is_dir() else path
    if file.suffix == ".md":
        anchors = markdown.anchors(file.read_text(encoding="utf-8")) if file.exists() else set()
        return None if unquote(fragment) in anchors else f"{path.name} has no heading #{fragment}"
    lines = _LINES.fullmatch(fragment)
    last = int(lines[2] or lines[1]) if lines else 0
    known = bool(lines) and last <= file.read_text(encoding="utf-8").count("\n")
    return None if known else f"{path.name} has no #{fragment}"


def _files(root: Path, patterns: tuple[str, ...]) -> list[Path]:
    hidden = {".terraform", "__pycache__"}
    return sorted(
        {
            path.relative_to(root)
            for pattern in patterns
            for path in root.glob(pattern)
            if path.is_file() and not hidden & set(path.parts)
        }
    )


def main(arguments: list[str]) -> int:
    everything = list(found())
    wrong = [f"{link}: {said}." for link in everything if (said := problem(link))]
    if arguments == ["--online"]:
        places: dict[str, list[str]] = {}
        for link in everything:
            if link.target and link.target.startswith("http") and not reserved(link.target):
                places.setdefault(link.target.partition("#")[0], []).append(str(link))
        wrong += [f"{', '.join(places[url])}: {said}" for url, said in reached.unreachable(places).items()]
    print("\n".join(wrong) or f"{len(everything)} links are well.", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
