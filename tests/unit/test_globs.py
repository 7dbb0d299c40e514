"""Which keys the filters match, and that no key can slow them down."""

import re
import time
from functools import cache

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cf_purge.globs import matches


@pytest.mark.parametrize(
    ("glob", "matched", "not_matched"),
    [
        ("*.css", ["a.css", "css/a.css", ".css", "a/b/.css"], ["a.css.map", "a.CSS", "acss", "a.css/b"]),
        ("index.html", ["index.html", "a/b/index.html"], ["xindex.html", "index.html.bak", "index.html/a"]),
        ("*", ["a", "a/b", "a/", "", "line\nbreak"], []),
        ("img/*", ["img/a.png", "img/"], ["img/a/b.png", "x/img/a.png", "imgs/a"]),
        ("img/**", ["img/a.png", "img/a/b.png", "img/"], ["img", "x/img/a"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["az", "a/bz", "x/a/z"]),
        ("a?c", ["abc", "x/a?c", "a\nc"], ["ac", "a/c", "abbc"]),
        ("[a-c].txt", ["a.txt", "b.txt", "x/c.txt"], ["d.txt", "-.txt", "ab.txt"]),
        ("[!a-c].txt", ["d.txt", "-.txt", "!.txt"], ["a.txt", "x/b.txt", "/.txt"]),
        ("[]a].txt", ["].txt", "a.txt"], ["b.txt", "[.txt"]),
        ("[!]a].txt", ["b.txt"], ["].txt", "a.txt"]),
        ("[^a].txt", ["^.txt", "a.txt"], ["b.txt"]),
        ("*[[!a]", ["b.é!", "é[", "a"], ["é", "!é"]),
        ("[!!\\].txt", ["é.txt"], ["!.txt", "\\.txt"]),
        ("[a", ["[a", "x/[a"], ["a"]),
        ("(1)+.css", ["(1)+.css"], ["1.css", "11.css"]),
    ],
)
def test_a_glob_matches_as_in_gitignore(glob: str, matched: list[str], not_matched: list[str]) -> None:
    assert [key for key in matched if not matches(glob, key)] == []
    assert [key for key in not_matched if matches(glob, key)] == []


# ---- The language, by a matcher that tries everything ----

_PIECES = re.compile(r"\*\*/|\*\*|\[.[!\w]\w\]|.", re.DOTALL)


def is_matched(glob: str, key: str) -> bool:
    """Match a glob of `*`, `**`, `?`, the sets `[ab/]` and `[!ab]`, and other characters, by trying everything."""
    pieces = _PIECES.findall(glob if "/" in glob or glob == "**" else f"**/{glob}")

    def ends(piece: str, start: int) -> list[int]:
        every = range(start, len(key) + 1)
        one = key[start : start + 1]
        if piece == "**/":
            return [end for end in every if end == start or key[end - 1] == "/"]
        if piece == "**":
            return list(every)
        if piece == "*":
            return [end for end in every if "/" not in key[start:end]]
        if piece[0] == "[" and len(piece) > 1:
            is_one = bool(one) and one != "/" and ((one not in piece[2:-1]) if piece[1] == "!" else one in piece[1:-1])
        else:
            is_one = bool(one) and (one == piece or (piece == "?" and one != "/"))
        return [start + 1] if is_one else []

    @cache
    def fits(place: int, start: int) -> bool:
        if place == len(pieces):
            return start == len(key)
        return any(fits(place + 1, end) for end in ends(pieces[place], start))

    return fits(0, 0)


@settings(max_examples=600)
@given(
    st.lists(
        st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "[!ab]", "[cab]", "[[!a]", "[!!b]"]),
        min_size=1,
        max_size=12,
    ),
    st.lists(st.sampled_from(["a", "b", "c", "!", "é", "\n", "/", "ab", "a/", "/b"]), max_size=12),
)
@example(["**/", "b*", "/", "**/", "a"], ["xb/b/a/a"])
@example(["a**", "/b**", "/a"], ["aab/bb/a/a"])
@example(["**a*b**", "/b"], ["ab/aab/ab/b"])
def test_a_glob_matches_the_same_keys_as_a_matcher_that_tries_everything(
    glob_pieces: list[str], key_parts: list[str]
) -> None:
    glob, key = "".join(glob_pieces), "".join(key_parts)
    assume(not glob.startswith("/"))
    assert matches(glob, key) == is_matched(glob, key)


@given(st.text(max_size=20) | st.text("*?[]!-^/a.\\&|~", max_size=20), st.text(max_size=20))
def test_any_text_is_a_glob(glob: str, key: str) -> None:
    matches(glob, key)


# ---- Time ----

_LENGTH = 30_000  # characters; thirty times S3's limit, so that time that is not linear would take minutes
_LONG = ["-", "a", "a-", "a/", "ab/", "-a/", "o/", "foo/bar", "/a", "?a/b/c/", "é"]


_SLOW = "a**/b**/c**/d *?***/a foo***bar**/baz *-*-*-*.css a/**/*-*-*-*.css **-**-**-**.css **/a/**/a/**/a/**/b"
_SLOW += " ?*?*?*?*?*?b [a-]*[a-]*[a-]*[a-]*b **/?**/?**/?**/b?"


@pytest.mark.parametrize("glob", [*_SLOW.split(), "**/" * 6 + "*a*a*a*b", "*" * 30 + "b"])
def test_the_time_for_a_key_is_linear_in_its_length(glob: str) -> None:
    for start in ("", "a", "foo", "a/b/"):
        for text in _LONG:
            key = start + (text * _LENGTH)[:_LENGTH]
            before = time.thread_time()
            matches(glob, key)
            assert time.thread_time() - before < 0.5, (glob, key[:20])
