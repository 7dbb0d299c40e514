"""A schedule: one configuration, changes, and the faults while they are purged."""

from dataclasses import dataclass

from cf_purge.config import Verify


@dataclass(frozen=True)
class Setting:
    """The module's configuration, and the latencies of AWS and Cloudflare in seconds."""

    layout: str
    plan: str
    requests_per_second: float
    max_concurrency: int
    batch_size: int
    drain: int
    timeout: float
    verify: Verify | None
    collapse_above: int | None
    cloudflare_latency: float
    aws_latency: float
    edge: str = "none"  # what it does wrong

    @property
    def window(self) -> float:
        """Seconds; Lambda requires a window for batches of more than ten."""
        return 1.0 if self.batch_size > 10 else 0.0


@dataclass(frozen=True)
class Burst:
    """`count` messages of one kind at one time, about `spread` keys."""

    at: float  # seconds from the start
    event: str
    count: int
    spread: int
    every: float  # seconds between two of them


@dataclass(frozen=True)
class Storm:
    """A period in which a share of the calls fails."""

    begins: float
    lasts: float
    calls: str  # an operation
    weather: str
    share: float


@dataclass(frozen=True)
class Rotation:
    """The token is replaced: the new one is stored at one time, the old one refused from another."""

    stored: float
    refused: float


@dataclass(frozen=True)
class Kill:
    """One invocation, by its number, is killed at its n-th wait; every call waits twice."""

    invocation: int
    wait: int


@dataclass(frozen=True)
class Schedule:
    """A complete schedule; `seed` decides random details, such as which message is received first."""

    seed: int
    setting: Setting
    bursts: tuple[Burst, ...]
    storms: tuple[Storm, ...] = ()
    kills: tuple[Kill, ...] = ()
    rotation: Rotation | None = None
    is_disordered: bool = False  # receives are short and out of order
    repeats: float = 0.0  # the share of messages that are delivered twice

    @property
    def ends(self) -> float:
        """The end of all uploads and faults, in seconds from the start."""
        ends = [storm.begins + storm.lasts for storm in self.storms]
        ends += [burst.at + burst.count * burst.every for burst in self.bursts]
        ends += [self.rotation.stored, self.rotation.refused] if self.rotation else []
        return max(ends)
