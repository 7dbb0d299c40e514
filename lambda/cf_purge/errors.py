"""What can go wrong, one class for each thing that is then done about it."""

from __future__ import annotations

from collections.abc import Sequence


class PurgeError(Exception):
    """Root of everything this package raises on purpose; the text is one sentence for a person."""


class Transient(PurgeError):
    """It may work later: try again, then give the message back to the queue.

    `retry_after` is in seconds, as the other side asked; None leaves it to our own back-off.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimited(Transient):
    """429, or a message that says the same."""


class OutOfTime(Transient):
    """The invocation ends before it: another one may have the time."""


class Misconfigured(PurgeError):
    """Nothing works until a person changes the configuration, the token or a permission."""


class Unauthorized(Misconfigured):
    """401, 403 or 10000: Cloudflare does not say whether it is the token, its permissions or the zone."""


FOREIGN_HOST = "ForeignHost"


class Rejected(PurgeError):
    """This one item can never work: park its message under `code` and go on with the others."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class UnknownEvent(Rejected):
    """An event or message body that is none of the documented shapes."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "UnknownEvent")


def foremost(errors: Sequence[Exception]) -> Exception | None:
    """Return what is to be done something about first: what never works comes after what still may."""
    return next((error for error in errors if not isinstance(error, Rejected)), errors[0] if errors else None)


def joined(errors: Sequence[Exception]) -> Exception | None:
    """Return one error with what all of them say, once each, of the kind that most needs a person."""
    said = " ".join(dict.fromkeys(str(error) for error in errors if isinstance(error, PurgeError)))
    if any(isinstance(error, Misconfigured) for error in errors):
        return Misconfigured(said)
    first = foremost(errors)
    return Transient(said, first.retry_after) if isinstance(first, Transient) else first


def words(error: Exception) -> str:
    """Return what may be logged: only our own errors speak, another's text may quote anything."""
    return str(error) if isinstance(error, PurgeError) else type(error).__name__
