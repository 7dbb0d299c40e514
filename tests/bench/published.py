"""What was measured, with the circumstances: as JSON, and from that alone the page and the pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench import machine, pictures
from tests.bench.measured import Figure, Part
from tests.bench.table import table
from tools.problems import ROOT

FOLDER = ROOT / "docs" / "benchmarks"
_INTRODUCTION = """\
# Measured side by side

Written by `make bench` (`python -m tests.bench --docs`), not by hand. Ratios (×) are of two things measured in turns
in the same run, so that whatever else the machine did has hit both; each is the median of the pairs, with the quartiles
beside it. Absolute times are those of the machine named at the end, not a Lambda function's.

```sh
make bench                                # all of it, and this page
.venv/bin/python -m tests.bench cold      # one part, or several; --quick shows that it runs, --docs writes this page
.venv/bin/python -m tests.bench --redraw  # this page and its pictures anew from results.json
```
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A part with the circumstances it was measured in."""

    part: Part
    date: str
    commit: str
    machine: str
    versions: Mapping[str, str]


def record_of(part: Part) -> Record:
    """Return a part with the circumstances of now."""
    return Record(part, machine.today(), machine.commit(), machine.machine(), machine.versions())


def document(records: Mapping[str, Record]) -> str:
    """Return records by the part's name as JSON, measured values to six digits."""
    return json.dumps({name: _rounded(asdict(record)) for name, record in records.items()}, indent=1) + "\n"


def read(text: str) -> dict[str, Record]:
    """Return the records of a document."""
    return {name: _record(fields) for name, fields in json.loads(text).items()}


def published(folder: Path = FOLDER) -> dict[str, Record]:
    """Return what a folder has, nothing when nothing was published yet."""
    file = folder / "results.json"
    return read(file.read_text(encoding="utf-8")) if file.exists() else {}


def publish(records: Mapping[str, Record], folder: Path = FOLDER) -> None:
    """Write the page, the pictures and the figures, and remove pictures that are of nothing any more."""
    folder.mkdir(parents=True, exist_ok=True)
    text = document(records)
    files = {"results.json": text, **pages(read(text))}
    for stale in set(folder.glob("*.svg")) - {folder / name for name in files}:
        stale.unlink()
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


def pages(records: Mapping[str, Record]) -> dict[str, str]:
    """Return the page and its pictures, by file name."""
    drawn = {name: pictures.of(record.part) for name, record in records.items()}
    files = {f"{name}.svg": svg for name, svg in drawn.items() if svg}
    sections = [_section(name, record.part, f"{name}.svg" in files) for name, record in records.items()]
    return {"README.md": "\n".join([_INTRODUCTION, *sections, _circumstances(records)]), **files}


def _section(name: str, part: Part, has_picture: bool) -> str:
    lines = [f"## {part.title}", "", f"`{part.command}`:", "", table(part.figures), ""]
    if has_picture:
        lines += [f"![{part.title}]({name}.svg)", ""]
    for note in part.notes:
        lines += [note, ""]
    return "\n".join(lines)


def _circumstances(records: Mapping[str, Record]) -> str:
    """Return where and when, once for all parts that share it."""
    shared: dict[str, list[str]] = {}
    for name, record in records.items():
        versions = ", ".join(f"{each} {version}" for each, version in record.versions.items())
        words = f"{record.date}, commit {record.commit}, on {record.machine}; {versions}."
        shared.setdefault(words, []).append(f"`{name}`")
    return "\n".join(["## Measured", "", *(f"- {', '.join(names)}: {words}" for words, names in shared.items()), ""])


def _record(fields: dict[str, Any]) -> Record:
    part = fields.pop("part")
    part["figures"] = [Figure(**figure) for figure in part["figures"]]
    return Record(part=Part(**part), **fields)


def _rounded(value: Any) -> Any:
    """Return the same with every float to six digits: what is beyond them was not measured."""
    kinds: Sequence[tuple[type, Callable[[Any], Any]]] = (
        (float, lambda number: float(f"{number:.6g}")),
        (dict, lambda fields: {name: _rounded(each) for name, each in fields.items()}),
        (list, lambda items: [_rounded(each) for each in items]),
        (tuple, lambda items: [_rounded(each) for each in items]),
    )
    return next((convert(value) for kind, convert in kinds if isinstance(value, kind)), value)
