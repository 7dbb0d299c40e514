"""What can go wrong: one class for each way in which it is handled."""


class PurgeError(Exception):
    """Root of every error this package raises on purpose; the text is one sentence for a person."""

    def __init__(self, message: str, code: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code or type(self).__name__
        self.retry_after = retry_after  # the wait in seconds that the other side named, if it named one


class Transient(PurgeError):
    """It may work later."""


class TimedOut(Transient):
    """No answer before the deadline of the request."""


class RateLimited(Transient):
    """HTTP 429, or a throttle code under another status."""


class NotTried(Transient):
    """The invocation had no time or request left for it, or none to send it apart from what failed."""


class Unexplained(Transient):
    """A 4xx in Cloudflare's JSON with a code that is not documented; it may be about the items or not."""


class Misconfigured(PurgeError):
    """Nothing works until a person changes the configuration, the token or a permission."""


class Unauthorized(Misconfigured):
    """An answer about the token or the zone: 401, 403 in JSON, or a code that says so."""


class NotFresh(PurgeError):
    """What was purged is still stale at the end of a `wait`; the text is the answer as JSON."""


class Rejected(PurgeError):
    """This item can never be purged; its message is parked under `code`, which is the class's name by default."""


class UnknownEvent(Rejected):
    """An event or message body that has none of the documented shapes."""


class TooLarge(Rejected):
    """More than one message may ask for."""
