"""Which keys matter: globs on the decoded key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple


class KeyFilter(NamedTuple):
    """Empty `include` takes everything; `exclude` wins."""

    include: tuple[re.Pattern[str], ...] = ()
    exclude: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def of(cls, include: Iterable[str], exclude: Iterable[str]) -> KeyFilter:
        return cls(tuple(map(compile_glob, include)), tuple(map(compile_glob, exclude)))

    def takes(self, key: str) -> bool:
        if any(pattern.fullmatch(key) for pattern in self.exclude):
            return False
        return not self.include or any(pattern.fullmatch(key) for pattern in self.include)


_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compile a glob in the way of .gitignore, case-sensitive like S3.

    `*` and `?` stay within one path segment, `**` crosses segments, `[a-z]` and `[!a-z]` are sets. A glob
    without a slash is held against the last segment alone: `*.css` takes `css/site.css` too.

    Raises:
        ValueError: a set that is not one, such as `[z-a]`, or a leading slash, which no key has.
    """
    if not glob or glob.startswith("/"):
        raise ValueError(f"{glob!r} matches no key")
    parts = [] if "/" in glob or glob == "**" else [r"(?:.*/)?"]
    for piece in _PIECES.findall(glob):
        if piece == "**/":
            parts.append(r"(?:.*/)?")
        elif piece == "**":
            parts.append(r".*")
        elif piece == "*":
            parts.append(r"[^/]*")
        elif piece == "?":
            parts.append(r"[^/]")
        elif piece[0] == "[" and len(piece) > 1:
            negated = piece[1] == "!"
            members = "".join(c if c == "-" else re.escape(c) for c in piece[1 + negated : -1])
            parts.append(f"(?!/)[{'^' if negated else ''}{members}]")
        else:
            parts.append(re.escape(piece))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise ValueError(f"{glob!r} is not a glob: {error}") from None
