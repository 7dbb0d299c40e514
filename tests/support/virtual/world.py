"""The whole virtual world: one queue, one function, one Cloudflare account, and their clock."""

import contextlib
import io
from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.factories import environment
from tests.support.names import DLQ_ARN, HOST, OTHER_ZONE, PARAMETER, QUEUE_ARN, TOKEN, ZONE
from tests.support.virtual.aws import Aws
from tests.support.virtual.cloudflare import Cloudflare
from tests.support.virtual.hub import Hub
from tests.support.virtual.mapping import Environment, Mapping
from tests.support.virtual.network import Network
from tests.support.virtual.queue import Queue

START = 1_795_413_600.0  # seconds since the epoch: 2026-11-23T06:00:00Z
DOMAINS = {ZONE: HOST.partition(".")[2], OTHER_ZONE: "example.net"}


class World:
    """The function's real code between models of AWS and Cloudflare; `document` is its configuration.

    Parts are changed before `run`: `network.fault`, `cloudflare.on_accepted`, `mapping.on_end`, `queue.chance`.
    """

    def __init__(
        self,
        document: dict[str, Any],
        *,
        seed: int = 0,
        is_strict: bool = False,
        window: float = 0.0,
        timeout: float = 60.0,
    ) -> None:
        self.hub = hub = Hub(START)
        self.random = Random(seed)
        self.dead_letters = Queue(hub, DLQ_ARN.rpartition(":")[2])
        self.queue = Queue(
            hub,
            QUEUE_ARN.rpartition(":")[2],
            visibility=6 * timeout + window,
            max_receive_count=document.get("max_receive_count", 30),
            dead_letters=self.dead_letters,
        )
        self.aws = Aws([self.queue, self.dead_letters], is_strict=is_strict)
        self.aws.parameters[PARAMETER] = TOKEN
        plan = document.get("cloudflare", {}).get("plan", "free")
        self.cloudflare = Cloudflare(hub, DOMAINS, plan, is_strict=is_strict)
        self.cloudflare.tokens.add(TOKEN)
        self.network = network = Network(hub, self.aws, self.cloudflare)
        self.mapping = Mapping(
            hub,
            self.queue,
            lambda: Environment(hub, network, self.random.random, environment(document)),
            batch_size=document.get("batch_size", 10),
            window=window,
            max_concurrency=document.get("max_concurrency", 2),
            timeout=timeout,
        )

    def run(self, until: float, is_over: Callable[[], bool] = lambda: False) -> str:
        """Let time pass until then, or until it is over; return what the function printed."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            try:
                self.hub.run(until, is_over)
            finally:
                self.hub.close()
        return output.getvalue()

    def is_idle(self) -> bool:
        """Whether there is no message and no invocation."""
        return not self.queue.messages and not self.mapping.running
