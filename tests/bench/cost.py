"""`python -m tests.bench.cost`: the cost of purging at AWS's list prices, under the assumptions below."""

from typing import NamedTuple

# Dollars in us-east-1, June 2026, from https://aws.amazon.com/<service>/pricing/. Free tiers are not deducted.
LAMBDA_REQUEST = 0.20 / 1e6
LAMBDA_GB_SECOND = 0.0000133334  # arm64; initialisation is billed since August 2025
SQS_REQUEST = 0.40 / 1e6
EVENTBRIDGE_EVENT = 1.00 / 1e6  # S3's events count as opt-in data events
KMS_REQUEST = 0.03 / 1e4
LOG_BYTE = 0.50 / 1e9
METRIC_HOUR = 0.30 / 730
ALARM = 0.10
BYTE_TO_THE_INTERNET = 0.09 / 1e9

ASSUMED = """\
512 MB, arm64; a share of a processor of memory / 1,769 MB, and a whole processor while the function initialises
0.25 s of a processor to initialise, 20 ms for a first event, 5 ms for a later one, 0.4 ms for each change
250 ms for a request to Cloudflare, 10 ms for a call to SSM; a burst waits for its budget of 2 requests a second
1 request for each 100 changes, 1 decryption for each environment in five minutes
calls to SQS: 1 to send a change, 1 to receive seven, 1 to delete ten, and in a burst 1 that finds the queue empty
log: 1,500 bytes an invocation, 60 a change; transfer: 2,000 bytes a connection, 500 a request, 60 a change
verify looks once at 20 changes at most, 8 at a time: 0.1 s an answer, 5 ms of a processor a look or message
verify sends, receives and deletes 1 message for each 500 changes; a look is 500 bytes of log, 2,000 of transfer
5 long polls of 20 s at any time on an idle queue, 6 alarms, 9 metrics in each hour that has changes (verify: 8, 15)"""


class Way(NamedTuple):
    """How a million changes arrive."""

    name: str
    changes: int = 1  # to an invocation
    is_cold: bool = False
    pause: float = 0.0  # seconds between two invocations
    has_queue: bool = True
    has_rule: bool = False  # EventBridge
    verifies: bool = False  # with verify; nothing is stale


MILLION = 1e6
HOURS = 730  # of a month
WAYS = (
    Way("one at a time, each a cold start", is_cold=True),
    Way("ten at a time, every 30 s", 10, pause=30),
    Way("a burst, drained", 1_000),
    Way("one at a time, each a cold start, `verify = {}`", is_cold=True, verifies=True),
    Way("a burst, drained, `verify = {}`", 1_000, verifies=True),
    Way("a burst, drained, through EventBridge", 1_000, has_rule=True),
    Way('a burst with `delivery = "direct"`', has_queue=False),
)
Costs = dict[str, float]


def of(way: Way, changes: float = MILLION) -> Costs:
    """Return dollars by service."""
    invocations = changes / way.changes
    requests = -(-way.changes // 100)
    waits = 0.25 + (0.01 if way.is_cold else 0) if requests == 1 else requests / 2
    computes = (0.02 if way.is_cold else 0.005) + 0.0004 * way.changes
    seconds = (0.25 if way.is_cold else 0) + waits + computes * 1769 / 512
    decryptions = 1 if way.is_cold else (seconds + way.pause) / 300
    batch = min(way.changes, 10)  # received by the mapping; the function receives seven at a time
    calls = 1 + -(-(way.changes - batch) // 7) + -(-way.changes // 10) + (batch == 10)
    sent = (2_000 if way.is_cold else 0) + 500 * requests + 60 * way.changes
    looks, asked = (-(-way.changes // 500), min(way.changes, 20)) if way.verifies else (0, 0)
    seconds += -(-asked // 8) * 0.1 + 0.005 * (looks + asked) * 1769 / 512
    calls, sent = calls + 3 * looks, sent + 2_000 * asked
    logged = 1_500 * (1 + looks) + 60 * way.changes + 500 * asked
    return {
        "Lambda": invocations * (seconds * 0.5 * LAMBDA_GB_SECOND + (1 + looks) * LAMBDA_REQUEST),
        "SQS": (changes + calls * invocations) * SQS_REQUEST if way.has_queue else 0,
        "EventBridge": changes * EVENTBRIDGE_EVENT if way.has_rule else 0,
        "KMS": invocations * decryptions * KMS_REQUEST,
        "CloudWatch": invocations * logged * LOG_BYTE,
        "transfer": invocations * sent * BYTE_TO_THE_INTERNET,
    }


def month(changes: int, hours: int, way: Way) -> Costs:
    costs = of(way, changes)
    costs["SQS"] += 5 * HOURS * 3600 / 20 * SQS_REQUEST
    costs["CloudWatch"] += 6 * ALARM + 9 * hours * METRIC_HOUR
    return costs


def table() -> str:
    rows = [(f"a million changes: {way.name}", of(way)) for way in WAYS]
    rows += [
        ("a month without a change", month(0, 0, WAYS[0])),
        ("a month with 200 changes, in 40 hours", month(200, 40, WAYS[0])),
        ("a month with 20,000 changes, in 300 hours", month(20_000, 300, WAYS[1])),
    ]
    columns = [*rows[0][1], "total"]
    lines = [f"| dollars | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, costs in rows:
        cells = [f"{cost:.2f}" if cost else "-" for cost in (*costs.values(), sum(costs.values()))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(), "", "Assumed:", "", *(f"- {line}" for line in ASSUMED.splitlines()), sep="\n")
