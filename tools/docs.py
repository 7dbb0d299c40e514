"""Writes docs/reference.md, the inputs and outputs, from variables.tf and outputs.tf; `--check` only compares."""

import re
import sys

from tools.problems import ROOT

PAGE = ROOT / "docs" / "reference.md"
_BLOCK = re.compile(r'^(?:variable|output) "(\w+)" \{\n(.*?)^\}\n', re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"^  description = <<-EOT\n(.*?)^  EOT\n", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r'^  description = "((?:[^"\\]|\\.)*)"$', re.MULTILINE)
_DEFAULT = re.compile(r"^  default +=(.*)$", re.MULTILINE)
_TYPE = re.compile(r"^  type +=\s*(.*?)(?=\n\n?  \w|\Z)", re.MULTILINE | re.DOTALL)
# Optional attributes of an object: the name, and the default as written.
_ATTRIBUTE = re.compile(r"^    (\w+) += optional\(\w+(?:\((?:\w+|\w+\(\w+\))\))?(?:, (.*?))?\)$", re.MULTILINE)


def blocks(file: str) -> list[tuple[str, str]]:
    """Return the name and the body of each variable or output of a file."""
    return _BLOCK.findall((ROOT / file).read_text(encoding="utf-8"))


def description(body: str) -> list[str]:
    """Return the description's lines; the first is the sentence, the others its attributes."""
    for text in _HEREDOC.findall(body):
        return re.sub(r"\n +(?=[^ -])", " ", text.strip()).replace("\n    - ", "\n- ").splitlines()
    return [text.replace('\\"', '"') for text in _LINE.findall(body)]


def row(name: str, body: str) -> str:
    attributes = dict(_ATTRIBUTE.findall(body))
    cells = []
    for text in description(body):
        attribute = re.match(r"- `(\w+)`", text)
        value = attributes.get(attribute[1]) if attribute else None
        cells.append(text.replace("(Optional) ", "") + (f" Default `{value}`." if value else ""))
    (type_,) = _TYPE.findall(body)
    type_ = re.sub(r"object\(\{.*\}\)", "object", type_, flags=re.DOTALL)  # its attributes are described
    default = "".join(f"`{found.strip()}`" for found in _DEFAULT.findall(body)) or "required"
    return f"| `{name}` | {'<br>'.join(cells)} | `{type_}` | {default} |"


def page() -> str:
    lines = ["# Inputs and outputs", "", "Written by `make docs` from variables.tf and outputs.tf.", ""]
    lines += ["| input | description | type | default |", "|---|---|---|---|"]
    lines += [row(name, body) for name, body in blocks("variables.tf")]
    lines += ["", "| output | description |", "|---|---|"]
    lines += [f"| `{name}` | {' '.join(description(body))} |" for name, body in blocks("outputs.tf")]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if arguments != ["--check"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != page():
        print("docs/reference.md differs from the code: run `make docs` and commit it.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
