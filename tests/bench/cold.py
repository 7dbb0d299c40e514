"""Cold path: a fresh process under Lambda's runtime loop, from its spawn to its answer to the first event."""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Callable, Mapping

from tests.bench.effort import Effort
from tests.bench.measured import Part, median_of, ratio_of
from tests.bench.processes.ground import Ground, ground
from tests.bench.processes.process import Run, function, script
from tests.bench.table import printed
from tests.unit import factories

QUEUED, DIRECT = "ours", "ours, invoked by S3"
COMPILED = "sdk, its package with bytecode"
_KEY = "css/site.css"
URL = f"https://{factories.HOST}/{_KEY}"
FROM_S3 = json.dumps(factories.s3_event(_KEY)).encode()
FROM_QUEUE = json.dumps(factories.sqs_event(factories.s3_event(_KEY))).encode()
# By name: measures it once, and fails unless exactly that one purge was made.
Subjects = Mapping[str, Callable[[], Run]]


def measure(effort: Effort) -> Part:
    """Time all of them in turns, after one round that counts for nothing."""
    runs: dict[str, list[Run]] = defaultdict(list)
    with ground() as place:
        subjects = subjects_on(place)
        for number in range(max(2, effort.repeats) + 1):
            for name in shuffled(subjects, number):
                run = subjects[name]()
                if number:
                    runs[name].append(run)
        version = place.version
    times = {name: [run.answered for run in runs[name]] for name in subjects}
    cpu = {name: [run.cpu for run in runs[name]] for name in subjects}
    ours = times[QUEUED]
    return Part(
        title="Cold path: from a fresh process to the answer",
        command="python -m tests.bench.cold",
        figures=[
            ratio_of("ours / naive", ours, times["naive"], 0.45),
            ratio_of("ours / sdk", ours, times["sdk"], 0.25),
            ratio_of("ours / limit", ours, times["limit"], 1.6),
            ratio_of("ours / bare", ours, times["bare"]),
            ratio_of("ours, invoked by S3 / naive", times[DIRECT], times["naive"]),
            ratio_of("ours, invoked by S3 / sdk", times[DIRECT], times["sdk"]),
            ratio_of(f"ours / {COMPILED}", ours, times[COMPILED]),
            ratio_of("CPU, ours / naive", cpu[QUEUED], cpu["naive"]),
            ratio_of("CPU, ours / sdk", cpu[QUEUED], cpu["sdk"]),
            *(median_of(name, "ms", times[name]) for name in subjects),
            median_of("ours, until it asks for the event", "ms", [run.asked for run in runs[QUEUED]]),
            median_of("naive, until it asks for the event", "ms", [run.asked for run in runs["naive"]]),
            *(median_of(f"{name}, CPU", "ms", cpu[name]) for name in subjects if name != DIRECT),
        ],
        samples={
            **{f"{name}, ms": values for name, values in times.items()},
            **{f"{name}, ms of CPU": values for name, values in cpu.items()},
        },
        notes=(
            f"{version}; awslambdaric, boto3 and urllib3 with their bytecode, as in Lambda's runtime.",
            "The functions' own files, and with sdk the official client it brings along, have no bytecode, and none is"
            " written: /var/task is read-only, and AWS recommends packages without. With bytecode in the package it is"
            f" {COMPILED!r}.",
            "Ours gets a batch of one message, as its queue delivers it; naive and sdk get S3's event itself.",
            "SSM and Cloudflare answer from this machine over TLS, checked against a list of authorities as long as"
            " a real one: networks add the same to all of them, and one more exchange to whoever connects more.",
            "The limit, and bare, which is the limit with http.client in the place of urllib3, are timed until they say"
            " that they have the answer, not until they have ended. They read no event, no parameter, and log nothing.",
            "Of every run is checked that Cloudflare was asked for that one purge, with the token from SSM.",
        ),
    )


def subjects_on(place: Ground) -> Subjects:
    def ours(event: bytes) -> Run:
        return _checked(place, function(place.ours(), place.api, [event]))

    def rival(name: str, *, is_packaged: bool = False) -> Run:
        return _checked(place, function(place.rival(name, is_packaged=is_packaged), place.api, [FROM_S3]))

    return {
        QUEUED: lambda: ours(FROM_QUEUE),
        DIRECT: lambda: ours(FROM_S3),
        "naive": lambda: rival("naive"),
        "sdk": lambda: rival("sdk", is_packaged=True),
        COMPILED: lambda: rival("sdk"),
        **{name: lambda name=name: _checked(place, script(place.limit(URL, name))) for name in ("limit", "bare")},  # type: ignore[misc]
    }


def shuffled(names: Mapping[str, object], number: int) -> list[str]:
    """Return the names in an order of their own for each round: nobody is always first."""
    return random.Random(number).sample(list(names), len(names))


def _checked(place: Ground, run: Run) -> Run:
    place.check([URL])
    return run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold", description="Time the cold path.")
    parser.add_argument("--repeats", type=int, default=Effort().repeats)
    printed(measure(Effort(repeats=parser.parse_args().repeats)))


if __name__ == "__main__":
    main()
