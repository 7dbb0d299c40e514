"""A line in the log when a function is handed an event, and when a process made for it is ready to take one."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

_logger = logging.getLogger(__name__)


def telling_when_handed(invoke: Callable[..., Any]) -> Callable[..., Any]:
    """Return what a process does with an event; the line also tells when each of the event's messages was sent."""

    def invoke_and_tell(worker: Any, event: Any, *arguments: Any, **options: Any) -> Any:
        records = event.get("Records", ()) if isinstance(event, Mapping) else ()
        sent = [record.get("attributes", {}).get("SentTimestamp") for record in records]
        _tell("handed", worker, sent=[int(milliseconds) / 1000 for milliseconds in sent if milliseconds])
        return invoke(worker, event, *arguments, **options)

    return invoke_and_tell


def telling_when_ready(spawn: Callable[[Any], None]) -> Callable[[Any], None]:
    """Return the start of a process, to where it has imported the function."""

    def spawn_and_tell(worker: Any) -> None:
        spawn(worker)
        _tell("ready", worker)

    return spawn_and_tell


def _tell(moment: str, worker: Any, **more: Any) -> None:
    # Times in seconds since the epoch.
    _logger.info("%s", json.dumps({"moment": moment, "function": worker.func_name, "at": time.time(), **more}))
