"""The README's table of what was measured, from the published records alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.bench.measured import Figure
from tests.bench.published import Record
from tests.bench.table import aligned, rounded
from tools.problems import ROOT

README = ROOT / "README.md"
_BEGIN, _END = "<!-- measured: written by `make bench` -->\n", "<!-- end of measured -->"
_DEEPEST = "a batch of 1,000, drained, against json.loads"


def table(records: Mapping[str, Record]) -> str:
    """Return the table; a row whose figures were never measured is left out."""
    found = {figure.name: figure for record in records.values() for figure in record.part.figures}
    rows = [("", "this module", "naive", "sdk")]
    if {"ours / naive", "ours / sdk", "ours / limit"} <= found.keys():
        naive, sdk = _times(found["ours / naive"]), _times(found["ours / sdk"])
        compiled = found.get("ours / sdk, its package with bytecode")
        sdk += f", {1 / compiled.value:.1f} with bytecode in its package" if compiled else ""
        rows += [
            ("cold start, until the purge is accepted", "1", naive, sdk),
            (
                "the same, beside an interpreter that imports urllib3 and posts one purge",
                _ratio(found["ours / limit"]),
                "",
                "",
            ),
        ]
    for objects in ("1 object", "100 objects", "10,000 objects"):
        if f"requests for {objects}" in found:
            counted = found.get(f"naive: requests for {objects}")
            theirs = rounded(counted.value) if counted else f"{objects.split()[0]}, by design"
            ours = rounded(found[f"requests for {objects}"].value)
            rows.append((f"requests to Cloudflare for {objects}", ours, theirs, ""))
    if "warm: upload to fresh, p50" in found:
        warm, cold = (_milliseconds(found[f"{way}: upload to fresh, p50"]) for way in ("warm", "cold"))
        fresh = f"{warm} warm, {cold} cold"
        rows.append(("upload to fresh at the visitor, 250 ms of it Cloudflare's API", fresh, "", ""))
    if _DEEPEST in found:
        rows.append(("CPU for each change of a burst, beside reading its JSON", _ratio(found[_DEEPEST]), "", ""))
    memory = next((figure for name, figure in found.items() if name.startswith("3,000")), None)
    if memory is not None:
        rows.append(("memory for 3,000 changes at once", f"{rounded(memory.value)} {memory.unit}", "", ""))
    return aligned(rows)


def written(text: str, records: Mapping[str, Record]) -> str:
    """Return a README with its table as the records have it."""
    head, _, rest = text.partition(_BEGIN)
    return f"{head}{_BEGIN}{table(records)}\n{_END}{rest.partition(_END)[2]}"


def write(records: Mapping[str, Record], readme: Path = README) -> None:
    """Write the table into the README."""
    readme.write_text(written(readme.read_text(encoding="utf-8"), records), encoding="utf-8")


def _times(ours_over_theirs: Figure) -> str:
    return f"{1 / ours_over_theirs.value:.1f} times as long"


def _ratio(figure: Figure) -> str:
    return f"{rounded(figure.value)} times"


def _milliseconds(figure: Figure) -> str:
    return f"{rounded(figure.value)} ms"
