"""The whole virtual world: one queue, one function, one Cloudflare account, and their clock."""

import contextlib
import io
from collections.abc import Callable
from random import Random
from typing import Any

from cf_purge.handler import Function
from tests.support.factories import environment
from tests.support.names import DLQ_ARN, HOST, OTHER_ZONE, PARAMETER, QUEUE_ARN, TOKEN, ZONE
from tests.support.virtual.aws import Aws
from tests.support.virtual.cloudflare import Accepted, Cloudflare
from tests.support.virtual.hub import Hub
from tests.support.virtual.mapping import Environment, Mapping
from tests.support.virtual.network import Network
from tests.support.virtual.queue import Queue

START = 1_795_413_600.0  # seconds since the epoch: 2026-11-23T06:00:00Z
DOMAINS = {ZONE: HOST.partition(".")[2], OTHER_ZONE: "example.net"}


class World:
    """The function's real code between models of AWS and Cloudflare; `document` is its configuration.

    Parts are changed before `run`: `network.fault`, `cloudflare.refuses`, `mapping.on_end`, `queue.chance`.
    """

    def __init__(
        self,
        document: dict[str, Any],
        *,
        on_accepted: Accepted = lambda *_: None,
        plan: str = "free",
        seed: int = 0,
        is_strict: bool = False,
        cloudflare_latency: float = 0.25,
        aws_latency: float = 0.01,
        visibility: float = 360.0,
        max_receive_count: int = 30,
        batch_size: int = 10,
        window: float = 0.0,
        max_concurrency: int = 2,
        timeout: float = 60.0,
    ) -> None:
        self.hub = hub = Hub(START)
        self.random = Random(seed)
        self.dead_letters = Queue(hub, DLQ_ARN.rpartition(":")[2], retention=1_209_600.0)
        self.queue = Queue(
            hub,
            QUEUE_ARN.rpartition(":")[2],
            visibility=visibility,
            max_receive_count=max_receive_count,
            dead_letters=self.dead_letters,
        )
        self.aws = Aws([self.queue, self.dead_letters], aws_latency, is_strict=is_strict)
        self.aws.parameters[PARAMETER] = TOKEN
        self.cloudflare = Cloudflare(hub, DOMAINS, plan, cloudflare_latency, on_accepted, is_strict=is_strict)
        self.cloudflare.tokens.add(TOKEN)
        self.network = Network(hub, self.aws, self.cloudflare)
        self._environ = environment(document)
        self.mapping = Mapping(
            hub,
            self.queue,
            self._environment,
            batch_size=batch_size,
            window=window,
            max_concurrency=max_concurrency,
            timeout=timeout,
        )

    def _environment(self) -> Environment:
        environment = Environment(self.hub, self.network, self.random.random)
        wire: Any = environment.wire
        environment.function = Function.from_environment(self._environ, wire, environment.clock)
        return environment

    def run(self, until: float, is_over: Callable[[], bool] | None = None) -> str:
        """Let time pass until then, or until it is over (nothing is left to do); return what the function printed."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            try:
                self.hub.run(until, is_over or self.is_idle)
            finally:
                self.hub.close()
        return output.getvalue()

    def is_idle(self) -> bool:
        """Whether there is no message and no invocation."""
        return not len(self.queue) and not self.mapping.running
