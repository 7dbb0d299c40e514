"""Each law of the ledger can fail: a mistake is made in the function, and a schedule must reveal it."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from cf_purge import plan, sqs, verify
from cf_purge.cloudflare import Cloudflare
from cf_purge.errors import PurgeError, Rejected, TimedOut, Transient
from cf_purge.handler import Function
from cf_purge.purger import Failure, Outcomes, Purger
from cf_purge.sqs import Sqs
from tests.ledger.book import Unbalanced
from tests.ledger.play import play
from tests.ledger.schedule import Schedule
from tests.ledger.strategies import BURSTS


class Mistake(NamedTuple):
    """`owner.name` is replaced by `instead`, which gets the original function before its arguments."""

    owner: Any
    name: str
    said: str  # by the ledger
    instead: Callable[..., Any]


def delete_first(drain: Any, sqs: Sqs, batch: Any, deadline: float) -> Any:
    messages = drain(sqs, batch, deadline)
    sqs._batch("DeleteMessageBatch", {each: {} for each in messages}, deadline)
    return messages


def forget(park: Any, *rest: Any) -> Any:
    try:
        return park(*rest)
    except PurgeError:
        return "lost"


def accept_silence(send: Any, *rest: Any) -> None:
    with contextlib.suppress(TimedOut):
        send(*rest)


def accept_all(_: Any, outcomes: Outcomes, purges: Any) -> dict[int, None]:
    return {hash(each): None for each in purges} if any(each in outcomes.accepted for each in purges) else {}


def park_on_hold(decide: Any, *rest: Any) -> Any:
    fate = decide(*rest)
    return Rejected("No.", "Gone") if isinstance(fate, list) and any(each.hold for each in fate) else fate


def print_token(send: Any, cloudflare: Any, request: Any, token: str, timeout: float) -> None:
    print(token)
    send(cloudflare, request, token, timeout)


def look_first(send: Any, function: Function, planned: plan.Plan, run: Any) -> Any:
    function._verify(planned.tasks, Outcomes({}, {}, {}), run)
    return send(function, planned, run)


MISTAKES = {
    "one failure is not returned": Mistake(
        Function,
        "_consume",
        "lost|not parked",
        lambda consume, *rest: {"batchItemFailures": consume(*rest)["batchItemFailures"][1:]},
    ),
    "drained messages are deleted before the purge": Mistake(Sqs, "drain", "lost|not parked", delete_first),
    "a message that cannot be parked is dropped": Mistake(Sqs, "_park", "not parked|lost", forget),
    "a parked body is changed": Mistake(
        Sqs,
        "_park",
        "never sent like this",
        lambda park, sqs, message, *rest: park(sqs, message._replace(body=message.body.strip()), *rest),
    ),
    "a message on hold is parked": Mistake(
        sqs, "fate_of", "nothing was wrong with it|never sent like this", park_on_hold
    ),
    "one accepted purge counts for its message": Mistake(Outcomes, "ends_of", "lost", accept_all),
    "no answer counts as success": Mistake(Cloudflare, "send", "lost", accept_silence),
    "no deadline is kept": Mistake(
        Purger,
        "send",
        "ran into its time-out",
        lambda send, purger, planned, run: send(purger, planned, run._replace(purge_until=run.purge_until + 1e6)),
    ),
    "the token is printed": Mistake(Cloudflare, "send", "the token is in the output", print_token),
    "a dry run purges": Mistake(
        plan, "parse", "purged without a request", lambda parse, *rest: parse(*rest)._replace(dry_run=False)
    ),
    "a delayed change is due at once": Mistake(
        plan, "job_of", "purged too early|lost", lambda job_of, *given: job_of(*given[:2], given[2] + 60)
    ),
    "every copy is called fresh": Mistake(
        verify,
        "judge",
        "was called fresh",
        lambda judge, change, seen, *rest: "fresh" if seen.etag else judge(change, seen, *rest),
    ),
    "nothing follows from a look": Mistake(verify.Verifier, "_follow", "old in silence", lambda *_: []),
    "a look comes before the purges": Mistake(Function, "_send", "waited for a look", look_first),
    "a look is tried again": Mistake(
        Outcomes,
        "failures_of",
        "a look came back|never sent like this",
        lambda failures, outcomes, task: (
            [Failure(Transient("Again."))] if task.event.look else failures(outcomes, task)
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_found(mistake: Mistake, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, said, instead = mistake
    original = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *values, **options: instead(original, *values, **options))

    @seed(8)
    @settings(
        max_examples=3000,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(BURSTS)
    def balances(schedule: Schedule) -> None:
        play(schedule)

    with pytest.raises(Unbalanced, match=said):
        balances()
