"""Writes the results into README.md and docs/benchmarks.md, and draws the plot."""

import os
import platform
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench import latency, memory
from tests.bench.bench import LIMIT, OURS, ROOT
from tests.bench.figures import Figure, shown, table, write
from tests.bench.fresh import API_LATENCY
from tests.bench.simulate import BURSTS

MAKE = "make bench"
PAGE, README, PLOT = ROOT / "docs" / "benchmarks.md", ROOT / "README.md", ROOT / "docs" / "benchmarks.svg"
LABELS = {
    OURS: "this module",
    latency.PER_EVENT: "clients per event",
    latency.AT_IMPORT: "clients at import",
    LIMIT: "limit: urllib3, TLS, one POST",
}


def publish(figures: Sequence[Figure], samples: latency.Samples) -> None:
    by_name = {figure.name: figure for figure in figures}
    compared = [figure for figure in figures if figure.unit in ("×", "") or figure.name.startswith("upload")]
    write(README, MAKE, "\n".join(_claims(by_name)))
    write(PAGE, MAKE, "\n\n".join((table(compared), "\n".join(_bursts(by_name)), _circumstances())))
    _plot(samples)


def _claims(by_name: dict[str, Figure]) -> Iterator[str]:
    """Yield the README's table line by line. Ratios, because they hold on other machines too."""
    counts = [str(by_name[f"requests, burst of {size:,}"]) for size in BURSTS]
    yield "| | this module | clients created per event | clients created at import |"
    yield "|---|---|---|---|"
    for start, words in (
        ("cold", "cold start, until the purge is accepted"),
        ("warm", "the same with a warm function"),
    ):
        ratios = (by_name[f"{start}, ours / clients {when}"].value for when in ("per event", "at import"))
        yield f"| {words} | 1 | {' | '.join(f'{shown(1 / ratio)} times as long' for ratio in ratios)} |"
    yield f"| requests to Cloudflare for 1, 100, 10,000 objects | {', '.join(counts)} | one each | one each |"
    fresh = f"{by_name['upload to fresh, warm']} warm, {by_name['upload to fresh, cold']} cold"
    words = f"from the event's delivery to a fresh page at the visitor, {API_LATENCY} ms of it Cloudflare's API"
    yield f"| {words} | {fresh} | | |"
    dropped = "dropped after three tries in three minutes"
    yield f"| Cloudflare's API is down for four hours | purged afterwards | {dropped} | {dropped} |"


def _bursts(by_name: dict[str, Figure]) -> Iterator[str]:
    most = f"memory, ≤ {memory.MOST_MEMORY:.0f} MB | CPU a message, ≤ {memory.MOST_CPU:,.0f} ms"
    yield f"| one invocation with | {most} |"
    yield "|---|---|---|"
    for name in memory.BURSTS:
        yield f"| {name} | {by_name[f'{name}, memory']} | {by_name[f'{name}, CPU a message']} |"


def _circumstances() -> str:
    # Linux only, as the memory is.
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = found[1].strip() if found else platform.machine()
    libraries = ", ".join(f"{name} {version(name)}" for name in ("urllib3", "botocore", "boto3"))
    return (
        f"Measured on {datetime.now(UTC).date()} on {processor}, {os.cpu_count()} cores;"
        f" Python {platform.python_version()}, {libraries}."
    )


def _plot(samples: latency.Samples) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "cf_purge", "font.family": "sans-serif"})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7.5, 2.4), layout="constrained")
    names = [*LABELS][::-1]
    labels = [LABELS[name] for name in names]
    axes.boxplot([samples[name, "cold"] for name in names], orientation="horizontal", tick_labels=labels)
    axes.set(xlabel="milliseconds from a fresh process to the accepted purge", xlim=(0, None))
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(PLOT, metadata={"Date": None})
