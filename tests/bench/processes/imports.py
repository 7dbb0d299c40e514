"""Where a function's cold start goes: what `-X importtime` tells of each module, in groups."""

from __future__ import annotations

import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.bench.measured import Part, median_of
from tests.bench.processes.ground import Ground
from tests.bench.processes.process import Command, Run, function

# Microseconds of its own, and the name, indented by two more spaces than whoever imports it, who comes after it.
_LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \| ( *)([\w.]+)$", re.MULTILINE)
_OWN = "the function's own modules, compiled each time"
_REST = "no import: the interpreter itself, the requests, the answer"
# A module belongs to the first group that its name, or what it is a part of, stands in.
_GROUPS = (
    (_OWN, ("cf_purge", "naive", "sdk")),
    ("the runtime loop", ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")),
    ("signing", ("botocore", "jmespath", "dateutil", "six", "boto3", "s3transfer", "hmac", "hashlib", "_hashlib")),
    ("urllib3", ("urllib3",)),
    ("ssl", ("ssl", "_ssl")),
    (
        "http, email, sockets",
        ("http", "email", "urllib", "socket", "_socket", "select", "selectors", "queue", "quopri", "ipaddress"),
    ),
    ("logging", ("logging", "traceback", "tokenize", "linecache", "string", "textwrap", "_colorize")),
    ("json, re, datetime", ("json", "_json", "re", "enum", "datetime", "_datetime", "decimal", "_decimal")),
    ("typing, dataclasses", ("typing", "_typing", "dataclasses", "inspect", "ast", "dis", "opcode", "importlib")),
    ("threads", ("threading", "concurrent", "subprocess", "signal", "tempfile", "multiprocessing")),
)
_START = ("interpreter and site", "site")  # all before and with the module that the interpreter imports last
_OTHER = "other modules of the standard library"
_LARGEST = 15  # modules told one by one

_PROBE = """
import ssl, sys, time
began = time.perf_counter()
ssl.create_default_context()
context = time.perf_counter() - began
began = time.perf_counter()
for path in sys.argv[1:]:
    with open(path, 'rb') as file:
        compile(file.read(), path, 'exec', dont_inherit=True)
print(context * 1e3, (time.perf_counter() - began) * 1e3)
"""


def imports(place: Ground, command: Command, events: Sequence[bytes], repeats: int) -> Part:
    """Time the imports of a function until its last answer; measuring them costs about a tenth."""
    python, *arguments = command.arguments
    timed = replace(command, arguments=[python, "-X", "importtime", *arguments])
    groups: dict[str, list[float]] = defaultdict(list)
    asked: dict[str, list[float]] = defaultdict(list)
    modules: dict[str, list[float]] = defaultdict(list)
    for number in range(repeats + 1):
        run = function(timed, place.api, events)
        place.cloudflare.forget_requests()
        if number:  # the first one reads files that are not in memory yet
            for group, spent in grouped(run).items():
                groups[group].append(spent)
            for asker, spent in by_asker(run.output).items():
                asked[asker].append(spent)
            for module, spent in imported(run.output).items():
                modules[module].append(spent)
    context, compiling = _probed(command, modules, repeats)
    return Part(
        title="Cold path: where its time goes",
        command="python -m tests.bench.imports",
        figures=[
            *(median_of(group, "ms", groups[group]) for group in _by_median(groups)),
            *(median_of(f"apart: {asker}", "ms", spent) for asker, spent in asked.items()),
            median_of("apart: to open one TLS context", "ms", context),
            median_of("apart: to compile the own modules that are imported", "ms", compiling),
            *(median_of(f"{name}, itself", "ms", modules[name]) for name in _by_median(modules)[:_LARGEST]),
        ],
        samples={f"{group}, ms": values for group, values in groups.items()},
        notes=(
            f"{place.version}; measured by `-X importtime`, which makes all of it about a tenth slower.",
            "A module that many import is counted where it belongs, not with the one that imports it first.",
            "What a module does while it is imported, such as opening a TLS context, is counted as its own.",
        ),
    )


def imported(output: str) -> dict[str, float]:
    """Return the milliseconds that each module took, without those it imports, in the order they were ready."""
    spent: dict[str, float] = defaultdict(float)
    for own, _, module in _LINE.findall(output):
        spent[module] += int(own) / 1000
    return dict(spent)


def by_asker(output: str) -> dict[str, float]:
    """Return the milliseconds of all imports by whom they are for; who comes first pays for what both need."""
    spent = dict.fromkeys(("imports of the interpreter", "imports of the runtime loop", "imports of the function"), 0.0)
    askers = iter(spent)
    asker, pending = next(askers), 0.0
    for own, indent, module in _LINE.findall(output):
        pending += int(own) / 1000
        if indent:
            continue
        if module.partition(".")[0] in _GROUPS[0][1] and asker != "imports of the function":
            asker = next(askers)
        spent[asker] += pending
        pending = 0.0
        if module == _START[1]:
            asker = next(askers)
    return spent


def grouped(run: Run) -> dict[str, float]:
    """Return the milliseconds of each group; together they are the time to the answer."""
    spent: dict[str, float] = defaultdict(float)
    began = True
    for module, own in imported(run.output).items():
        spent[_START[0] if began else _group_of(module)] += own
        began = began and module != _START[1]
    spent[_REST] = run.answered - sum(spent.values())
    return dict(spent)


def _group_of(module: str) -> str:
    top = module.partition(".")[0]
    return next((group for group, names in _GROUPS if top in names), _OTHER)


def _by_median(values: Mapping[str, Sequence[float]]) -> list[str]:
    return sorted(values, key=lambda name: -statistics.median(values[name]))


def _probed(command: Command, modules: Mapping[str, object], repeats: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of one TLS context, and of compiling the modules that come from the function's folder."""
    paths = [command.folder / (name.replace(".", "/") + ".py") for name in modules]
    paths += [command.folder / name / "__init__.py" for name in modules if "." not in name]
    own = [str(path) for path in paths if path.is_file()]
    told = [
        subprocess.run(
            [command.arguments[0], "-c", _PROBE, *own], env=command.environment, capture_output=True, check=True
        ).stdout.split()
        for _ in range(max(1, repeats))
    ]
    return [float(context) for context, _ in told], [float(compiling) for _, compiling in told]
