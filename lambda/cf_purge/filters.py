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
        if self.exclude and _matches(key, self.exclude):
            return False
        return not self.include or _matches(key, self.include)


def _matches(key: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.fullmatch(key) for pattern in patterns)


_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_STARS = {"**/": r"(?:.*?/)??", "**": r".*?", "*": r"[^/]*?"}


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compile a glob in the way of .gitignore, case-sensitive like S3.

    `*` and `?` stay within one path segment, `**` crosses segments, `[a-z]` and `[!a-z]` are sets. A glob
    without a slash is held against the last segment alone: `*.css` takes `css/site.css` too.

    Raises:
        ValueError: a set that is not one, such as `[z-a]`, or a leading slash, which no key has.
    """
    if not glob or glob.startswith("/"):
        raise ValueError(f"{glob!r} matches no key")
    pieces = _PIECES.findall(glob)
    if "/" not in glob and glob != "**":
        pieces.insert(0, "**/")
    try:
        return re.compile(_pattern(pieces), re.DOTALL)
    except re.error as error:
        raise ValueError(f"{glob!r} is not a glob: {error}") from None


def _pattern(pieces: list[str]) -> str:
    """Whoever may write to the bucket chooses the keys: none may take the time of all the others.

    What stands between two stars is taken where it first ends, and that is not tried again (`(?>...)`): what a later
    place leaves to the second star an earlier one leaves to it, too.
    """
    parts, run = [""], [""]  # from one `**` to the next; in the last of these, from one `*` to the next
    for index, piece in enumerate(pieces):
        if piece in ("**", "**/"):
            # `**/` may begin only behind a slash, so an earlier place must leave it one.
            is_final = piece == "**" or pieces[index - 1].endswith("/")
            parts[-1] = _joined(run)
            if is_final and len(parts) > 1:
                parts[-1] = f"(?>{parts[-1]})"
            parts.append("")
            run = [_STARS[piece]]
        elif piece == "*":
            run.append(_STARS[piece])
        else:
            run[-1] += _one(piece)
    parts[-1] = _joined(run)
    return "".join(parts)


def _joined(run: list[str]) -> str:
    """A run begins with what has no `*` in it; the last of its stars may have to reach further."""
    first, *others = run
    return first + "".join(f"(?>{other})" for other in others[:-1]) + "".join(others[-1:])


def _one(piece: str) -> str:
    if piece == "?":
        return r"[^/]"
    if piece[0] == "[" and len(piece) > 1:
        negated = piece[1] == "!"
        members = "".join(c if c == "-" else re.escape(c) for c in piece[1 + negated : -1])
        return f"(?!/)[{'^' if negated else ''}{members}]"
    return re.escape(piece)
