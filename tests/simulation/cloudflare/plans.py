"""What each plan may ask for: https://developers.cloudflare.com/cache/how-to/purge-cache/#availability-and-limits"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """The limits of one plan; they hold per account, for all its zones of that plan together."""

    name: str
    requests_per_second: float  # by tag, host, prefix, or everything
    bucket: int  # how many of those may go at once
    urls_per_second: int  # by URL, moving average
    items: int  # per request


PLANS = {
    plan.name: plan
    for plan in (
        Plan("free", 5 / 60, 25, 800, 100),
        Plan("pro", 5, 25, 1_500, 100),
        Plan("business", 10, 50, 1_500, 100),
        Plan("enterprise", 50, 500, 3_000, 500),
    )
}
