from __future__ import annotations

import re
import time
import warnings
from functools import cache

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from cf_purge.filters import KeyFilter, compile_glob

PLAIN = st.text(st.characters(exclude_characters="*?[]/"), min_size=1, max_size=10)


@pytest.mark.parametrize(
    ("glob", "takes", "leaves"),
    [
        ("*.css", ["a.css", "css/a.css", ".css", "a/b/.css"], ["a.css.map", "a.CSS", "acss", "a.css/b"]),
        ("index.html", ["index.html", "a/b/index.html"], ["xindex.html", "index.html.bak", "index.html/a"]),
        ("*", ["a", "a/b", "a/", "", "line\nbreak"], []),
        ("**", ["a", "a/b/c", "a/", "line\nbreak/b"], []),
        ("img/*", ["img/a.png", "img/"], ["img/a/b.png", "x/img/a.png", "imgs/a"]),
        ("img/**", ["img/a.png", "img/a/b.png", "img/"], ["img", "x/img/a"]),
        ("**/img/*", ["img/a", "x/img/a", "x/y/img/a"], ["ximg/a", "img/a/b"]),
        ("a/**/z", ["a/z", "a/b/z", "a/b/c/z"], ["az", "a/bz", "x/a/z"]),
        ("a/*/z", ["a/b/z", "a//z"], ["a/z", "a/b/c/z"]),
        ("a?c", ["abc", "x/a?c", "a\nc"], ["ac", "a/c", "abbc"]),
        ("[ab].txt", ["a.txt", "x/b.txt"], ["c.txt", "ab.txt"]),
        ("[a-c].txt", ["a.txt", "b.txt", "c.txt"], ["d.txt", "-.txt"]),
        ("[!a-c].txt", ["d.txt", "-.txt", "!.txt"], ["a.txt", "x/b.txt", "/.txt"]),
        ("x/[!a]", ["x/b"], ["x/a", "x//"]),
        ("x[!a]y", ["xby"], ["x/y", "xay"]),
        ("[]a].txt", ["].txt", "a.txt"], ["b.txt", "[.txt"]),
        ("[!]a].txt", ["b.txt"], ["].txt", "a.txt"]),
        ("[^a].txt", ["^.txt", "a.txt"], ["b.txt"]),
        ("[a", ["[a", "x/[a"], ["a"]),
        ("a]", ["a]"], ["a"]),
        ("(1)+.css", ["(1)+.css"], ["1.css", "11.css"]),
        ("a.css", ["a.css"], ["abcss"]),
        ("ünï*", ["ünïcode.png"], ["unicode.png"]),
        ("red flower.*", ["red flower.jpg"], ["red+flower.jpg"]),
    ],
)
def test_a_glob_takes_and_leaves_these_keys(glob: str, takes: list[str], leaves: list[str]) -> None:
    pattern = compile_glob(glob)
    assert [key for key in takes if not pattern.fullmatch(key)] == []
    assert [key for key in leaves if pattern.fullmatch(key)] == []


@pytest.mark.parametrize("glob", ["[z-a]", "[]", "[!]", "a[b-a]c"])
def test_a_set_that_is_none_is_an_error_that_quotes_the_glob(glob: str) -> None:
    with pytest.raises(ValueError, match="is not a glob") as caught:
        compile_glob(glob)
    assert repr(glob) in str(caught.value)


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ([], [], ["a.css", "b.map", "draft/c.css"]),
        (["*.css"], [], ["a.css", "draft/c.css"]),
        ([], ["*.map"], ["a.css", "draft/c.css"]),
        (["*.css"], ["draft/**"], ["a.css"]),
        (["*"], ["*"], []),
        (["*.js", "*.map"], [], ["b.map"]),
        (["a.css"], ["a.css"], []),
    ],
)
def test_empty_include_takes_everything_and_exclude_wins(
    include: list[str], exclude: list[str], taken: list[str]
) -> None:
    keys = KeyFilter.of(include, exclude)
    assert [key for key in ("a.css", "b.map", "draft/c.css") if keys.takes(key)] == taken


@given(PLAIN, st.lists(PLAIN, max_size=3), PLAIN)
def test_a_glob_without_magic_takes_its_own_name_in_any_folder_and_no_other(
    name: str, folders: list[str], other: str
) -> None:
    pattern = compile_glob(name)
    assert pattern.fullmatch("/".join([*folders, name]))
    assert bool(pattern.fullmatch("/".join([*folders, other]))) == (other == name)


@given(st.text(max_size=20) | st.text("*?[]!-^/a.\\&|~", max_size=20), st.text(max_size=20))
def test_any_text_is_a_glob_or_a_value_error_and_warns_of_nothing(glob: str, key: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pattern = compile_glob(glob)
        except ValueError:
            assert not glob or glob.startswith("/") or "[" in glob
            return
    assert pattern.fullmatch(key) is None or "*" in glob or "?" in glob or "[" in glob or key.endswith(glob)


TOKENS = re.compile(r"\*\*/|\*\*|.")


def is_taken(glob: str, key: str) -> bool:
    """Match a glob of letters, slashes, `*`, `**` and `?` by trying everything there is."""
    tokens = TOKENS.findall(glob if "/" in glob or glob == "**" else f"**/{glob}")

    @cache
    def fits(token: int, start: int) -> bool:
        if token == len(tokens):
            return start == len(key)
        ends = range(start, len(key) + 1)
        match tokens[token]:
            case "**/":
                found = [end for end in ends if end == start or key[end - 1] == "/"]
            case "**":
                found = list(ends)
            case "*":
                found = [end for end in ends if "/" not in key[start:end]]
            case one:
                found = [start + 1] if key[start : start + 1] == one or one == "?" else []
                found = [end for end in found if end <= len(key) and (one != "?" or key[start] != "/")]
        return any(fits(token + 1, end) for end in found)

    return fits(0, 0)


@settings(max_examples=1000)
@given(
    st.lists(st.sampled_from(["a", "b", "/", "*", "**", "**/", "?"]), min_size=1, max_size=12).map("".join),
    st.lists(st.sampled_from(["a", "b", "/", "ab", "a/", "/b"]), max_size=12).map("".join),
)
@example("**/b*/**/a", "xb/b/a/a")
@example("a**/b**/a", "aab/bb/a/a")
@example("*a*b", "aabab")
@example("**a*b**/b", "ab/aab/ab/b")
def test_a_glob_takes_what_it_takes_when_everything_is_tried(glob: str, key: str) -> None:
    assume(not glob.startswith("/"))
    assert bool(compile_glob(glob).fullmatch(key)) == is_taken(glob, key)


LONG = ["-" * 1024, "a-" * 512, "a/" * 512, "-a/" * 341, "/-" * 512, "a" * 1023 + "/"]


@pytest.mark.parametrize(
    "glob",
    [
        "*-*-*-*.css",
        "**/*-*-*-*.css",
        "a/**/*-*-*-*.css",
        "**-**-**-**.css",
        "**/a/**/a/**/a/**/b",
        "**/" * 6 + "*a*a*a*b",
        "*" * 30 + "b",
        "?*?*?*?*?*?b",
        "[a-]*[a-]*[a-]*[a-]*b",
    ],
)
def test_no_key_that_s3_takes_keeps_a_glob_busy(glob: str) -> None:
    """Whoever may write to the bucket chooses the keys, and a batch has to be through in seconds."""
    pattern = compile_glob(glob)
    before = time.thread_time()
    assert not any(pattern.fullmatch(key) for key in LONG)
    assert time.thread_time() - before < 1
