"""The edge: a caching reverse proxy in front of every zone's origin.

It caches as with a "cache everything" rule: every 200 and 404 whose origin does not forbid it. There is no tier, no
lock around a fill and no memory of purges: a copy whose fill began before a purge and ends after it is kept, and is
old. Nothing Cloudflare publishes rules that out for the real edge either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from aiohttp import web
from multidict import CIMultiDict

from tests.simulation.cloudflare.cache import Cache, Copy, lifetime, tags_in
from tests.simulation.cloudflare.cache_key import CacheKey, key_of
from tests.simulation.cloudflare.journal import log_visit
from tests.simulation.cloudflare.origin import Answer, Origin, Unreachable
from tests.simulation.cloudflare.zone import Zone

# Of one connection only (RFC 9110 section 7.6.1), made anew by this server, or Cloudflare's own business.
_NOT_PASSED_ON = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "date",
        "server",
        "age",
        "cache-tag",
        "cf-cache-status",
    }
)


class Edge:
    """Serves the zones' hosts; which one is meant, the Host header says."""

    def __init__(
        self, zones: Mapping[str, Zone], cache: Cache, origin: Origin, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._zones = {host: zone for zone in zones.values() for host in zone.hosts}
        self._cache, self._origin, self._now = cache, origin, now

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower().partition(":")[0]
        target, zone = request.raw_path, self._zones.get(host)
        if not target.startswith("/") or not target.isascii() or "#" in target:
            response = web.Response(status=400, text="Bad Request")
        elif zone is None:
            # What a visitor sees of a name that no zone proxies.
            response = web.Response(status=530, text="error code: 1001")
        else:
            try:
                response = await self._serve(request, zone, host)
            except Unreachable:
                response = web.Response(status=502, text="error code: 502")
        url = f"{request.scheme}://{host}{target}"
        log_visit(request.method, url, response.status, response.headers.get("CF-Cache-Status"))
        return response

    async def _serve(self, request: web.BaseRequest, zone: Zone, host: str) -> web.Response:
        if request.method not in ("GET", "HEAD"):
            return await self._pass_through(request, zone)
        visitor_origin = request.headers.get("Origin")
        key = key_of(request.scheme, host, request.raw_path, visitor_origin)
        copy = self._cache.get(key)
        if copy is not None and self._now() < copy.fresh_until:
            return self._cached(copy, "HIT")
        # HEAD fills the cache too: the origin is always asked for the whole object.
        headers = {} if visitor_origin is None else {"Origin": visitor_origin}
        etag = copy.headers.get("ETag") if copy is not None else None
        if etag is not None:
            headers["If-None-Match"] = etag
        answer = await self._origin.fetch(zone.origin, "GET", request.raw_path, headers)
        if copy is not None and answer.status == 304:
            kept = lifetime(copy.status, copy.headers) or 0
            copy.stored_at, copy.fresh_until = self._now(), self._now() + kept
            self._cache.put(key, copy)
            return self._cached(copy, "REVALIDATED")
        return _uncached(answer, self._keep(key, zone, answer))

    def _keep(self, key: CacheKey, zone: Zone, answer: Answer) -> str:
        """Cache an answer if it may be, and return the status it is served with."""
        seconds = lifetime(answer.status, answer.headers)
        if seconds is None:
            return "BYPASS" if answer.status in (200, 404) else "MISS"
        now = self._now()
        headers, tags = _passed_on(answer.headers), tags_in(answer.headers)
        self._cache.put(key, Copy(zone.id, answer.status, headers, answer.body, tags, now, now + seconds))
        return "MISS"

    async def _pass_through(self, request: web.BaseRequest, zone: Zone) -> web.Response:
        headers = {name: request.headers[name] for name in ("Content-Type", "Origin") if name in request.headers}
        body = await request.content.read()
        return _uncached(
            await self._origin.fetch(zone.origin, request.method, request.raw_path, headers, body), "DYNAMIC"
        )

    def _cached(self, copy: Copy, cache_status: str) -> web.Response:
        age = str(int(self._now() - copy.stored_at))
        headers = CIMultiDict(copy.headers)
        headers.update({"CF-Cache-Status": cache_status, "Age": age})
        return web.Response(status=copy.status, headers=headers, body=copy.body)


def _uncached(answer: Answer, cache_status: str) -> web.Response:
    headers = _passed_on(answer.headers)
    headers["CF-Cache-Status"] = cache_status
    return web.Response(status=answer.status, headers=headers, body=answer.body)


def _passed_on(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON)
