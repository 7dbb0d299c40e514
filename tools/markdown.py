"""What a Markdown document links to, which anchors GitHub gives it, and the code in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[\w-]*)[^\n`]*\n(?P<code>.*?)^ *(?P=fence)[`~]* *$", re.M | re.S
)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)", re.S)
_COMMENT = re.compile(r"<!--.*?-->", re.S)
_TARGET = re.compile(r"\]\(\s*<?((?:[^\s()<>]|\([^\s()]*\))*)>?(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)")
_OPENED = re.compile(r"\]\(")
_DEFINED = re.compile(r"^ {0,3}\[([^\]^][^\]]*)\]:\s*<?(\S+?)>?(?:\s+\"[^\"]*\")?\s*$", re.M)
_REFERRED = re.compile(r"\]\[([^\]]*)\]")
_ATTRIBUTE = re.compile(r"<[a-z][^>]*?\s(?:href|src)=\"([^\"]*)\"", re.I)
_NAMED = re.compile(r"<[a-z][^>]*?\s(?:id|name)=\"([^\"]*)\"", re.I)
_BARE = re.compile(r"https?://(?:[^\s<>\"'`\\|\[\]()]|\([^\s()]*\))+")
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$", re.M)
_ENDS = ".,;:!?"  # of the sentence and not of the URL


class Link(NamedTuple):
    line: int
    target: str | None  # None: it begins as a link and is none


class Block(NamedTuple):
    """A fenced piece of code."""

    line: int  # of its first line of code
    language: str
    text: str


def blocks(text: str) -> list[Block]:
    """Return the fenced code of a document, without the indentation it has in a list."""
    found = []
    for match in _FENCE.finditer(text):
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.M)
        found.append(Block(_line(text, match.start("code")), match["language"], code))
    return found


def links(text: str) -> list[Link]:
    """Return what a document links to, in text and in HTML, with words for it or without; in code nothing is a link."""
    prose = _blank(_CODE, _blank(_COMMENT, _blank(_FENCE, text)))
    found = {Link(_line(prose, match.start()), match[1]) for match in _TARGET.finditer(prose)}
    whole = {match.start() for match in _TARGET.finditer(prose)}
    found |= {Link(_line(prose, m.start()), None) for m in _OPENED.finditer(prose) if m.start() not in whole}
    found |= {Link(_line(prose, match.start()), match[1]) for match in _ATTRIBUTE.finditer(prose)}
    names = {match[1].lower() for match in _DEFINED.finditer(prose)}
    found |= {Link(_line(prose, match.start()), match[2]) for match in _DEFINED.finditer(prose)}
    found |= {
        Link(_line(prose, m.start()), None) for m in _REFERRED.finditer(prose) if m[1] and m[1].lower() not in names
    }
    # What is left stands there as it is; GitHub makes it a link too.
    left = _blank(_TARGET, _blank(_DEFINED, _blank(_ATTRIBUTE, prose)))
    found |= {Link(_line(left, start), url) for start, url in urls(left)}
    return sorted(found, key=lambda link: (link.line, link.target or ""))


def urls(text: str) -> Iterator[tuple[int, str]]:
    """Yield the URLs of a text and where they begin, without the sentence's own stop."""
    for match in _BARE.finditer(text):
        yield match.start(), match[0].rstrip(_ENDS)


def anchors(text: str) -> set[str]:
    """Return the anchors of a document: of its headings, as GitHub makes them, and those it names itself."""
    prose = _blank(_COMMENT, _blank(_FENCE, text))
    found = set(_NAMED.findall(_blank(_CODE, prose)))
    for heading in _HEADING.findall(prose):
        name = base = slug(heading)
        number = 0
        while name in found:
            number += 1
            name = f"{base}-{number}"
        found.add(name)
    return found


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub's gem html-pipeline made it and its site still does."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", heading)
    text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    parts = re.split(r"(`+)(.+?)\1", text)  # text, ticks, code, text, ...
    for place in range(0, len(parts), 3):
        parts[place] = re.sub(r"(?<!\w)_(\S(?:.*?\S)?)_(?!\w)", r"\1", re.sub(r"</?[a-z][^>]*>", "", parts[place]))
    bare = "".join(part for place, part in enumerate(parts) if place % 3 != 1)
    return re.sub(r"[^\w\- ]", "", bare.strip().lower()).replace(" ", "-")


def _blank(pattern: re.Pattern[str], text: str) -> str:
    """Return the text with spaces in the place of what matches, and its lines where they were."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
