"""Writes docs/reference.md, the inputs and outputs, from variables.tf and outputs.tf; `--check` only compares."""

import re
import sys
from dataclasses import dataclass

from tools.problems import ROOT

PAGE = ROOT / "docs" / "reference.md"
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}\n', re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"^  description = <<-EOT\n(.*?)^  EOT\n", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r'^  description = "((?:[^"\\]|\\.)*)"$', re.MULTILINE)
_DEFAULT = re.compile(r"^  default +=(.*)$", re.MULTILINE)
_TYPE = re.compile(r"^  type +=\s*(.*?)(?=\n\n?  \w|\Z)", re.MULTILINE | re.DOTALL)
_ATTRIBUTE = re.compile(r"^    (\w+) += (optional\()?(\w+(?:\((?:\w+|\w+\(\w+\))\))?)(?:, (.*?))?\)?$", re.MULTILINE)


@dataclass(frozen=True)
class Item:
    """One variable or output as it stands in the file."""

    name: str
    body: str

    @property
    def description(self) -> list[str]:
        """The description's lines; the first is the sentence, the others its attributes."""
        heredoc, line = _HEREDOC.search(self.body), _LINE.search(self.body)
        if heredoc:
            return re.sub(r"\n +(?=[^ -])", " ", heredoc[1].strip()).replace("\n    - ", "\n- ").splitlines()
        if line:
            return [line[1].replace('\\"', '"')]
        raise SystemExit(f"{self.name} has no description: give it one.")

    @property
    def default(self) -> str | None:
        found = _DEFAULT.search(self.body)
        return found[1].strip() if found else None

    @property
    def type(self) -> str:
        found = _TYPE.search(self.body)
        if not found:
            raise SystemExit(f"{self.name} has no type: give it one.")
        return re.sub(r"object\(\{.*\}\)", "object", found[1], flags=re.DOTALL)  # its attributes are described

    @property
    def defaults(self) -> dict[str, str]:
        """The defaults of an object's attributes, as written."""
        found = {}
        for name, optional, _, default in _ATTRIBUTE.findall(self.body):
            if optional:
                found[name] = default or "null"
        return found


def items(file: str) -> list[Item]:
    return [Item(name, body) for _, name, body in _BLOCK.findall((ROOT / file).read_text(encoding="utf-8"))]


def page() -> str:
    lines = ["# Inputs and outputs", "", "Written by `make docs` from variables.tf and outputs.tf.", ""]
    lines += ["| input | description | type | default |", "|---|---|---|---|"]
    for item in items("variables.tf"):
        cells = []
        for text in item.description:
            name = re.match(r"- `(\w+)`", text)
            value = item.defaults.get(name[1]) if name else None
            cells.append(
                text.replace("(Optional) ", "") + (f" Default `{value}`." if value not in (None, "null") else "")
            )
        default = "required" if item.default is None else f"`{item.default}`"
        lines.append(f"| `{item.name}` | {'<br>'.join(cells)} | `{item.type}` | {default} |")
    lines += ["", "| output | description |", "|---|---|"]
    lines += [f"| `{item.name}` | {' '.join(item.description)} |" for item in items("outputs.tf")]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        if PAGE.read_text(encoding="utf-8") != page():
            print("docs/reference.md differs from the code: run `make docs` and commit it.", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
