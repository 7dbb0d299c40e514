from __future__ import annotations

import warnings

import pytest
from hypothesis import given
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


def test_no_glob_takes_for_ever() -> None:
    pattern = compile_glob("**/" * 3 + "*a*a*a*b")
    assert pattern.fullmatch("a/" * 20 + "a" * 40) is None
