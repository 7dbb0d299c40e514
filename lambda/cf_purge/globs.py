"""Which keys a glob matches, in time linear in the length of the key whatever the glob and the key are.

Keys are chosen by whoever may write to the bucket, so no key may slow the function down (ReDoS). A glob is a
nondeterministic automaton whose states are the bits of a number; the steps that were taken are remembered.
"""

from __future__ import annotations

import re

_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)
_MAX_STEPS = 5_000  # remembered for one glob


class Glob:
    """A glob in the way of .gitignore, case-sensitive like S3.

    `*` and `?` stay within one path segment, `**` crosses segments, `[a-z]` and `[!a-z]` are sets. A glob without a
    slash is compared with the last segment alone: `*.css` matches `css/site.css` too.

    Raises:
        ValueError: an invalid set such as `[z-a]`, or a leading slash, which no key has.
    """

    def __init__(self, text: str) -> None:
        if not text or text.startswith("/"):
            raise ValueError(f"{text!r} matches no key")
        pieces: list[str] = _PIECES.findall(text)
        if "/" not in text and text != "**":
            pieces.insert(0, "**/")
        self.text = text
        self._states: list[re.Pattern[str] | str] = []  # one for each place between two characters of the key
        for piece in pieces:
            # `**/` is nothing, or anything that ends with a slash: a place where it begins and one inside of it.
            self._states += (
                ["**/", "inside **/"] if piece == "**/" else [piece if piece in ("*", "**") else _one(piece, text)]
            )
        self._end = 1 << len(self._states)
        self._start = self._with_skips(1)
        self._steps: dict[tuple[int, str], int] = {}

    def matches(self, key: str) -> bool:
        states, steps = self._start, self._steps
        for character in key:
            following = steps.get((states, character))
            if following is None:
                if len(steps) >= _MAX_STEPS:
                    steps.clear()
                following = steps[states, character] = self._step(states, character)
            if not following:
                return False
            states = following
        return bool(states & self._end)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def _step(self, states: int, character: str) -> int:
        found = 0
        for place, state in enumerate(self._states):
            bit = 1 << place
            if not states & bit:
                continue
            if state == "**/":  # go inside; the piece is also over if this is its slash
                found |= bit << 1 | (bit << 2 if character == "/" else 0)
            elif state == "inside **/":
                found |= bit | (bit << 1 if character == "/" else 0)
            elif state == "**" or (state == "*" and character != "/"):
                found |= bit
            elif isinstance(state, re.Pattern) and state.fullmatch(character):
                found |= bit << 1
        return self._with_skips(found)

    def _with_skips(self, states: int) -> int:
        """Add the states that are reached without a character: behind every star, and behind `**/`."""
        for place, state in enumerate(self._states):
            if states & 1 << place and isinstance(state, str) and state != "inside **/":
                states |= 1 << place + (2 if state == "**/" else 1)
        return states


def _one(piece: str, text: str) -> re.Pattern[str]:
    """Compile a piece that stands for one character."""
    if piece == "?":
        return re.compile(r"[^/]")
    if piece[0] == "[" and len(piece) > 1:
        negated = piece[1] == "!"
        members = "".join(c if c == "-" else re.escape(c) for c in piece[1 + negated : -1])
        try:
            return re.compile(rf"(?!/)[{'^' if negated else ''}{members}]", re.DOTALL)
        except re.error as error:
            raise ValueError(f"{text!r} is not a glob: {error}") from None
    return re.compile(re.escape(piece), re.DOTALL)
