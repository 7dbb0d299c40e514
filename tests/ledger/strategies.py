"""Strategies that draw schedules."""

from hypothesis import strategies as st

from cf_purge.config import Verify
from tests.ledger.events import EVENTS
from tests.ledger.layouts import LAYOUTS
from tests.ledger.schedule import Burst, Kill, Rotation, Schedule, Setting, Storm
from tests.ledger.weather import WEATHER
from tests.support.virtual.edge import FAULTS

_HOUR = 3600.0
_LEAST_REQUESTS = 5  # of one function in one invocation: the minimum that the module accepts
# Messages of a burst; larger bursts take long to play and find nothing more.
_MOST = {"large": 3, "provoker": 2, "half provoker": 2}


def _settings(batch_size: list[int], drain: list[int]) -> st.SearchStrategy[Setting]:
    return st.builds(
        Setting,
        layout=st.sampled_from(sorted(LAYOUTS)),
        plan=st.sampled_from(["free", "pro", "business", "enterprise"]),
        requests_per_second=st.sampled_from([4.0, 0.5, 40.0]),
        max_concurrency=st.sampled_from([2, 1, 5]),
        batch_size=st.sampled_from(batch_size),
        drain=st.sampled_from(drain),
        timeout=st.sampled_from([60.0, 15.0]),
        verify=st.sampled_from([None, None, Verify(), Verify(), Verify(0, 2, 3), Verify(900, 3, 0)]),
        collapse_above=st.sampled_from([None, None, 1, 12]),
        cloudflare_latency=st.sampled_from([0.25, 0.02, 3.0]),
        aws_latency=st.sampled_from([0.01, 0.2]),
        edge=st.sampled_from(FAULTS),
    ).filter(_is_workable)


def _is_workable(setting: Setting) -> bool:
    """Tell whether an invocation has enough requests for the module, and time for them."""
    share = setting.requests_per_second / setting.max_concurrency
    return share * setting.timeout >= _LEAST_REQUESTS and setting.timeout >= 20 * setting.cloudflare_latency


def _moments(within: float) -> st.SearchStrategy[float]:
    """Tenths of seconds: shorter times do not matter, and integers are drawn faster."""
    return st.integers(0, round(10 * within)).map(lambda tenths: tenths / 10)


def _bursts(at: st.SearchStrategy[float], count: list[int]) -> st.SearchStrategy[Burst]:
    return st.builds(
        Burst,
        at=at,
        event=st.sampled_from(["change"] * 4 + sorted(EVENTS)),
        count=st.sampled_from(count),
        spread=st.sampled_from([1, 3, 40]),
        every=st.sampled_from([0.0, 0.0, 0.3, 5.0]),
    ).filter(lambda burst: burst.count <= _MOST.get(burst.event, burst.count))


def _storms(within: float, longest: float, calls: list[str]) -> st.SearchStrategy[Storm]:
    """Draw a fault; each operation is equally likely."""
    troubles = [(operation, weather) for operation in calls for weather in sorted(WEATHER[operation])]
    return st.builds(
        lambda begins, lasts, trouble, share: Storm(begins, lasts, trouble[0], trouble[1], share),
        _moments(within),
        _moments(longest),
        st.sampled_from(troubles),
        st.sampled_from([1.0, 0.3, 0.7]),
    )


_KILLS = st.lists(st.builds(Kill, st.integers(1, 12), st.integers(0, 30)), max_size=4).map(tuple)
_ROTATIONS = st.none() | st.builds(Rotation, st.sampled_from([1.0, 30.0, 200.0]), st.sampled_from([0.5, 60.0, 400.0]))


def _schedules(
    setting: st.SearchStrategy[Setting],
    bursts: st.SearchStrategy[Burst],
    storms: st.SearchStrategy[Storm],
    repeats: list[float],
) -> st.SearchStrategy[Schedule]:
    return st.builds(
        Schedule,
        seed=st.integers(0, 2**16),
        setting=setting,
        bursts=st.lists(bursts, min_size=1, max_size=4).map(tuple),
        storms=st.lists(storms, max_size=4).map(tuple),
        kills=_KILLS,
        rotation=_ROTATIONS,
        is_disordered=st.booleans(),
        repeats=st.sampled_from(repeats),
    )


_ANY = _settings([10, 1, 3, 30], [1000, 0, 25])

# Faults of minutes, of any operation; some messages come when others have failed several times.
MINUTES = _schedules(
    _ANY,
    _bursts(_moments(60.0) | _moments(600.0), [1, 1, 1, 2, 3, 12]),
    _storms(60.0, 300.0, ["purge", "purge", *sorted(WEATHER)]),
    [0.0, 0.0, 0.1, 0.5],
)

# Many messages at once with faults of the queue's calls, so that every fault meets a drain.
BURSTS = _schedules(
    _settings([10, 3], [1000, 25]),
    _bursts(_moments(3.0), [12, 12, 30, 3]),
    _storms(5.0, 60.0, sorted(WEATHER)),
    [0.0, 0.0, 0.1],
)

# Cloudflare or the parameter is unreachable for hours, without further faults that cost receives.
HOURS = _schedules(
    _ANY,
    _bursts(_moments(_HOUR), [1, 1, 1, 2, 3, 12]),
    _storms(60.0, 4 * _HOUR, ["purge", "purge", "GetParameter"]),
    [0.0, 0.0, 0.02],
)
