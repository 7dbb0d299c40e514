"""Which keys a glob matches, in time linear in the length of the key, whatever the glob and the key are.

Everybody who may write to the bucket chooses keys, so no key may slow the function down (ReDoS). A glob is a
nondeterministic automaton whose states are the bits of a number: bit 2 is set when the key so far is what the first two
pieces match. The steps from one such number to the next are remembered. All characters that the glob does not tell
apart are replaced by one of them, so that keys in Chinese need no more steps than others.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile

_MAX_STEPS = 1_000  # remembered for one glob
_PIECES = re.compile(r"\*\*/|\*\*|\*|\[!?\]?[^\]]*\]|.", re.DOTALL)
_NEVER, _ANY = "(?!)", "[^/]"
# Of a piece of any length: after which characters it may go on, and after which it may be over.
_STARS = {"*": (_ANY, _ANY), "**": (".", "."), "**/": (".", "/")}


def matches(glob: str, key: str) -> bool:
    """Tell whether a glob matches a key in the way of .gitignore, case-sensitively like S3.

    `*` and `?` stay within one path segment, `**` crosses segments, `[a-z]` and `[!a-z]` are sets. A glob without a
    slash is compared with the last segment alone: `*.css` matches `css/site.css` too.

    Raises:
        ValueError: an invalid set such as `[z-a]`, or a leading slash, which no key has.
    """
    steps = _steps_of(glob)
    if not (key.startswith(steps.head) and key.endswith(steps.tail)):  # the end of most comparisons
        return False
    if steps.is_ending:
        return True
    states = _begun(steps.pieces, 0)
    for character in steps.others.sub(lambda _: steps.other, key):
        states = steps[states, character]
        if not states:
            return False
    return bool(states >> len(steps.pieces))


class _Steps(dict[tuple[int, str], int]):
    """By states and a character of the key: the states after it. A step is worked out when it is first taken."""

    def __init__(self, glob: str) -> None:
        if not glob or glob.startswith("/"):
            raise ValueError(f"{glob!r} matches no key")
        texts = _PIECES.findall(glob if "/" in glob or glob == "**" else f"**/{glob}")
        self.head = "".join(takewhile(_is_literal, texts))
        self.tail = "".join(takewhile(_is_literal, reversed(texts)))[::-1]
        self.is_ending = texts == ["**/", "*", *self.tail]  # such as *.css
        # Of each piece: after which characters it may go on, and after which it may be over.
        self.pieces = [_STARS.get(text) or (_NEVER, _one(text, glob)) for text in texts]
        self._tests = [[re.compile(each, re.DOTALL).match for each in piece] for piece in self.pieces]
        ones = [over for goes_on, over in self.pieces if goes_on == _NEVER and over != _ANY]
        named = [one.replace("(?!/)[^", "[", 1) for one in ones]  # what a set excludes is named in it, too
        self.others = re.compile(f"(?!{'|'.join(['/', *named])}).", re.DOTALL)
        self.other = next((each for each in map(chr, range(0x110000)) if self.others.match(each)), "")

    def __missing__(self, step: tuple[int, str]) -> int:
        (states, character), following = step, 0
        for place, (goes_on, is_over) in enumerate(self._tests):
            if states >> place & 1:
                if goes_on(character):
                    following |= 1 << place
                if is_over(character):
                    following |= _begun(self.pieces, place + 1)
        if len(self) >= _MAX_STEPS:
            self.clear()
        self[step] = following
        return following


_steps_of = cache(_Steps)


def _is_literal(piece: str) -> bool:
    return piece == "[" or (piece[0] not in "[?" and piece not in _STARS)


def _begun(pieces: list[tuple[str, str]], place: int) -> int:
    """Return the states when the pieces before a place are over: stars that follow can be empty."""
    states = 1 << place
    while place < len(pieces) and pieces[place] in _STARS.values():
        place += 1
        states |= 1 << place
    return states


def _one(piece: str, glob: str) -> str:
    """Return the regular expression of a piece that stands for one character."""
    if piece == "?":
        return _ANY
    if _is_literal(piece):
        return re.escape(piece)
    negation, members = ("^", piece[2:-1]) if piece[1] == "!" else ("", piece[1:-1])
    members = re.escape(members).replace(r"\-", "-")
    try:
        return re.compile(f"(?!/)[{negation}{members}]").pattern
    except re.error as error:
        raise ValueError(f"{glob!r} is not a glob: {error}") from None
