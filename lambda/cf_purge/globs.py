"""Which keys a glob matches, in time linear in the length of the key, whatever the glob and the key are.

Everybody who may write to the bucket chooses keys, so no key may slow the function down (ReDoS). The pieces of a glob
are taken one after the other, and with each all places of the key that the pieces so far can reach. The places are the
bits of one number, so a piece takes a few operations on it and nothing is tried twice.
"""

import re
from fnmatch import fnmatchcase
from functools import cache, lru_cache

# What comes before the first special character, and after the last one: a slash can belong to a "**/".
_ENDS = re.compile(r"\A([^*?\[]*)(.*?)([^*?\]/]*)\Z", re.DOTALL)
_PIECES = re.compile(r"\*\*/\*(?!\*)|\*\*/|\*\*|\*|\[!?\]?[^\]]*\]|.", re.DOTALL)


def matches(glob: str, key: str) -> bool:
    """Tell whether a glob matches a key in the way of .gitignore, case-sensitively like S3.

    `*` and `?` stay within one path segment, `**` crosses segments, `[a-z]` and `[!a-z]` are sets. A glob without a
    slash is compared with the last segment alone: `*.css` matches `css/site.css` too.
    """
    head, pieces, tail = _parsed(glob)
    if not (key.startswith(head) and key.endswith(tail) and len(head) + len(tail) <= len(key)):
        return False
    text = key[len(head) : len(key) - len(tail)]
    places = 1  # bit n: the pieces so far match the first n characters
    for piece in pieces:
        if not places:
            return False
        onward = -(places & -places)  # all places from the first one on
        if piece in ("**", "**/*"):  # the second reaches all of them, too
            places = onward
        elif piece == "**/":
            places |= onward & (_places("/", text) << 1)
        elif piece == "*":
            inside = _places("?", text)
            places |= ((places & inside) + inside) ^ inside  # the sum carries each place to the end of its segment
        else:
            places = (places & _places(piece, text)) << 1
    return bool(places >> len(text) & 1)


@cache
def _parsed(glob: str) -> tuple[str, list[str], str]:
    """Return the text at the start of a glob, stars and globs of one character, and the text at its end.

    Most keys are told apart by these texts.
    """
    [(head, middle, tail)] = _ENDS.findall(glob if "/" in glob or glob == "**" else f"**/{glob}")
    return head, _PIECES.findall(middle), tail


@lru_cache(maxsize=64)  # one key is compared with many globs
def _places(piece: str, text: str) -> int:
    """Return a number whose bit n is set if a glob of one character matches character n."""
    found = {each for each in {*text} if fnmatchcase(each, piece) and (each != "/" or piece == "/")}
    return int("".join("1" if each in found else "0" for each in reversed(text)) or "0", 2)
