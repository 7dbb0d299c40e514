"""What the documents link to is there; and a link that is broken is found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools import links, markdown, reached

# ---- This repository ----


def test_every_link_of_the_documents_and_every_url_in_a_comment_is_well() -> None:
    everything = list(links.found())
    assert {str(link.file) for link in everything} >= {"README.md", "CHANGELOG.md", "docs/how-it-works.md", "iam.tf"}
    assert [f"{link}: {said}" for link in everything if (said := links.problem(link))] == []


def test_a_page_that_need_not_answer_is_linked_to_and_has_a_reason() -> None:
    targets = [link.target or "" for link in links.found()]
    for start, why in reached.ACCEPTED.items():
        assert why
        assert any(target.startswith(start) for target in targets), start


# ---- Within a repository ----

DOCUMENT = """# The `a_b` way, & more

## Twice
## Twice

```sh
# no heading
[no link](nowhere.md)
```
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "docs/a.md": DOCUMENT,
        "docs/code.py": "one\ntwo\n",
        "folder/README.md": "# Folder\n",
        "with space.md": "",
        "../outside.md": "",
    }.items():
        file = tmp_path / "repository" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "repository"


def said(repository: Path, text: str) -> list[str | None]:
    (repository / "docs" / "it.md").write_text(text)
    return [links.problem(link, repository) for link in links.found(repository) if link.file == Path("docs", "it.md")]


@pytest.mark.parametrize(
    "link",
    [
        "[a](a.md)",
        "[a](a.md 'its title')",
        "[a](a.md#the-a_b-way--more)",
        "[a](a.md#twice-1)",
        "[a](./../docs/a.md)",
        "[a](/docs/a.md)",
        "[a](code.py#L2)",
        "[a](../folder)",
        "[a](../folder#folder)",
        "[a](<../with%20space.md>)",
        "[![picture](code.py)](a.md)",
        "[a][there]\n\n[there]: a.md",
        "## Here\n\n[a](#here)",
        '<a id="named"></a> [a](#named)',
        '<img src="code.py">',
        "https://cloudflare.com/a_(b), and so on.",
        "[a](https://cloudflare.com:8443/ü?b=%20#c)",
        "[a](http://localhost:8080)",
        "[a](mailto:somebody@example.com)",
    ],
)
def test_a_link_that_leads_somewhere_is_well(repository: Path, link: str) -> None:
    problems = said(repository, link)
    assert problems
    assert set(problems) == {None}


@pytest.mark.parametrize(
    ("link", "problem"),
    [
        ("[a](b.md)", "there is no b.md"),
        ("[a](docs/a.md)", "there is no docs/a.md"),
        ("[a](../../outside.md)", "there is no ../../outside.md"),
        ("[a](a.md#the-way)", "a.md has no heading #the-way"),
        ("[a](a.md#Twice)", "a.md has no heading #Twice"),
        ("[a](a.md#twice-2)", "a.md has no heading #twice-2"),
        ("[a](a.md#no-heading)", "a.md has no heading #no-heading"),
        ("[a](#there)", "it.md has no heading #there"),
        ("[a](../folder#b)", "folder has no heading #b"),
        ("[a](code.py#L3)", "code.py has no #L3"),
        ("[a](code.py#two)", "code.py has no #two"),
        ("![picture](b.svg)", "there is no b.svg"),
        ('<img alt="picture" src="b.svg">', "there is no b.svg"),
        ("[a][there]\n\n[there]: b.md", "there is no b.md"),
        ("[a](a .md)", "this begins as a link and is none"),
        ("[a][nowhere]", "this begins as a link and is none"),
        ("[a](htps://cloudflare.com)", "htps://cloudflare.com is neither a path nor a URL"),
        ("[a](//cloudflare.com)", "//cloudflare.com is neither a path nor a URL"),
        ("[a](http://cloudflare.com)", "http://cloudflare.com goes over http"),
        ("[a](https://cloud_flare.com)", "cloud_flare.com is no host"),
        ("[a](https:///cache)", "nothing is no host"),
        ("[a](https://cloudflare.com:port)", "is no URL"),
        ("[a](https://cloudflare.com//cache)", "look at its path"),
        ("https://.cloudflare.com", ".cloudflare.com is no host"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(repository: Path, link: str, problem: str) -> None:
    (told,) = (told for told in said(repository, link) if told)
    assert problem in told


def test_what_is_code_is_no_link(repository: Path) -> None:
    assert said(repository, f"{DOCUMENT}\n`[a](b.md)` and ``https://.`[b](c)`` <!-- [c](d.md) -->\n") == []


def test_a_link_is_found_where_it_stands() -> None:
    assert markdown.links("one\n\n[two](a)\n`three`\n[four](b) https://c.example.\n") == [
        (3, "a"),
        (5, "b"),
        (5, "https://c.example"),
    ]
    assert markdown.links("(see https://c.example/d_(e))") == [(1, "https://c.example/d_(e)")]


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("What a check asks", "what-a-check-asks"),
        ("AWS provider 5 to 6", "aws-provider-5-to-6"),
        ("The queue's key, again?", "the-queues-key-again"),
        ("Limits & retries", "limits--retries"),
        ("a-b_c", "a-b_c"),
        ("With `terraform test` and `x_y_z`", "with-terraform-test-and-x_y_z"),
        ("`_private_`", "_private_"),
        ("An _emphasised_ **word**", "an-emphasised-word"),
        ("[Unreleased](a.md#b) – [1.2.0]", "unreleased--120"),
        ("Für Käufer", "für-käufer"),
        ("An <em>element</em>", "an-element"),
        ("`dead-letters`", "dead-letters"),
    ],
)
def test_a_heading_has_githubs_anchor(heading: str, anchor: str) -> None:
    assert markdown.slug(heading) == anchor


def test_a_url_in_a_comment_is_found_and_data_is_not(repository: Path) -> None:
    code = (
        '"""See https://a.example/x."""\n'
        'URL = "https://b.example/x"\n'
        "# https://c.example/y, as said\n"
        'open("https://d.example")  # https://e.example\n'
    )
    (repository / "tools").mkdir()
    (repository / "tools" / "a.py").write_text(code)
    found = [(str(link), link.target) for link in links.found(repository)]
    assert found == [("tools/a.py:1", "https://a.example/x"), ("tools/a.py:3", "https://c.example/y")]


# ---- With a network ----


@pytest.fixture
def site() -> Iterator[tuple[str, list[str]]]:
    """A site whose paths say what they answer, one number for each time; and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers = self.path.strip("/").split("/")
            times = asked.count(self.path)
            asked.append(self.path)
            self.send_response(int(answers[min(times, len(answers) - 1)]))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))  # seconds until it sees that it is to stop
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "well", "asked"),
    [
        ("200", True, 1),
        ("404", False, 1),
        ("410", False, 1),
        ("403", True, 1),
        ("429", True, 1),
        ("500/503/200", True, 3),
        ("500", False, 3),
        ("503/404", False, 2),
    ],
)
def test_a_page_that_may_only_be_resting_is_asked_for_again(
    site: tuple[str, list[str]], path: str, well: bool, asked: int
) -> None:
    waits: list[float] = []
    url = f"{site[0]}/{path}"
    told = reached.unreachable([url], waits.append)
    assert (not told, len(site[1])) == (well, asked)
    assert waits == [5.0, 10.0][: asked - 1]
    assert all(f"{url} answers {path[:3] if asked == 1 else path[-3:]}: " in sentence for sentence in told.values())


def test_a_site_that_does_not_answer_is_said_to(site: tuple[str, list[str]]) -> None:
    nobody = "http://127.0.0.1:9/"
    told = reached.unreachable([nobody, f"{site[0]}/200"], lambda _: None)
    assert list(told) == [nobody]
    assert "does not answer" in told[nobody]
    assert told[nobody].endswith("correct it, or try again with a network.")


def test_a_page_that_need_not_answer_is_not_asked_for(
    site: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reached, "ACCEPTED", {f"{site[0]}/4": "it is gone on purpose"})
    assert reached.unreachable([f"{site[0]}/404"]) == {}
    assert site[1] == []


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [([], 0, ["1 links are well."]), (["--online"], 1, ["it.md:7, it.md:8: https://cloudflare.com/a answers 404."])],
)
def test_only_online_is_anybody_asked_and_an_example_never_is(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    words: list[str],
) -> None:
    """A page is asked for once, whatever of it is linked to and from however many places."""
    asked: list[str] = []

    def unreachable(urls: dict[str, list[str]]) -> dict[str, str]:
        asked.extend(urls)
        return dict.fromkeys(urls, "https://cloudflare.com/a answers 404.")

    file = Path("it.md")
    linked = [
        links.Found(file, 7, "https://cloudflare.com/a#b"),
        links.Found(file, 8, "https://cloudflare.com/a#c"),
        links.Found(file, 9, "https://www.example.com/"),
    ]
    monkeypatch.setattr(links, "found", lambda: linked if arguments else linked[:1])
    monkeypatch.setattr(reached, "unreachable", unreachable)
    assert links.main(arguments) == status
    said = capsys.readouterr()
    assert (said.err if status else said.out).splitlines() == words
    assert asked == (["https://cloudflare.com/a"] if arguments else [])
