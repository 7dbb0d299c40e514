"""The edge: a caching reverse proxy in front of every zone's origin.

It answers GET, and caches as with a "cache everything" rule: every 200 and 404 unless the origin forbids it. A copy
whose fill began before a purge and ends after it is kept and old, because Cloudflare does not document that this
cannot happen. The header `X-Environment` stands for the filter by which a zone sends some visitors to another
environment than Production.
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.simulation.cloudflare.cache import Cache, Copy, Place, lifetime, tags_in
from tests.simulation.cloudflare.purge import key_of
from tests.simulation.cloudflare.zone import Zone

# Of one connection only (RFC 9110 section 7.6.1), or set by this server or by Cloudflare.
_NOT_PASSED_ON = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_NOT_PASSED_ON |= {"content-length", "date", "server", "age", "cache-tag", "cf-cache-status", "cf-ray"}
_TO_ORIGIN = ("Accept-Language", "Origin")
# https://developers.cloudflare.com/images/transform-images/transform-via-url/, of an image of the same host
_RESIZED = re.compile(r"/cdn-cgi/image/([^/]+)(/.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: CIMultiDict[str]
    body: bytes


class Edge:
    """Serves the hosts of the zones."""

    def __init__(self, zones: Mapping[str, Zone], cache: Cache, origins: aiohttp.ClientSession) -> None:
        self._zones = {host: zone for zone in zones.values() for host in zone.hosts}
        self._cache, self._origins = cache, origins

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower().partition(":")[0]
        zone = self._zones.get(host)
        if zone is None:
            # What a visitor sees of a name that no zone proxies.
            answer = Answer(530, CIMultiDict(), b"error code: 1001")
        else:
            answer = await self._serve(request, zone, host)
        headers = CIMultiDict({"Server": "cloudflare", "CF-Ray": f"{secrets.token_hex(8)}-IAD"})
        headers.update(answer.headers)
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    async def _serve(self, request: web.BaseRequest, zone: Zone, host: str) -> Answer:
        target = request.raw_path
        headers = {name: request.headers[name] for name in _TO_ORIGIN if name in request.headers}
        resized = ""
        if image := _RESIZED.fullmatch(target):
            resized, target = image.groups()
        key = key_of(request.scheme, host, target, headers.get("Origin"))
        environment = next((each for each in zone.environments if each == request.headers.get("X-Environment")), None)
        place = Place(zone.id, environment)
        copy, now = self._cache.get(place, key, resized, request.headers), time.monotonic()
        if copy is not None and now < copy.fresh_until:
            return _cached(copy, "HIT")
        if copy is not None and "ETag" in copy.headers:
            headers["If-None-Match"] = copy.headers["ETag"]
        answer = await self._fetch(zone, target, headers)
        now = time.monotonic()
        if copy is not None and answer.status == 304:
            copy.stored_at, copy.fresh_until = now, now + (lifetime(copy.status, copy.headers) or 0)
            self._cache.put(place, key, copy)
            return _cached(copy, "REVALIDATED")
        seconds = lifetime(answer.status, answer.headers)
        if seconds is None:
            return _answered(answer, "BYPASS" if answer.status in (200, 404) else "MISS")
        named = ",".join(answer.headers.getall("Vary", [])).split(",")
        vary = {name.strip(): request.headers.get(name.strip()) for name in named if name.strip()}
        passed_on, tags = _passed_on(answer.headers), tags_in(answer.headers, zone, key)
        kept = Copy(resized, vary, answer.status, passed_on, answer.body, tags, now, now + seconds)
        self._cache.put(place, key, kept)
        return _answered(answer, "EXPIRED" if copy is not None else "MISS")

    async def _fetch(self, zone: Zone, target: str, headers: Mapping[str, str]) -> Answer:
        """Request a path and query from the origin, with the index document of a folder. S3 reads a `+` as a space."""
        path, mark, query = target.partition("?")
        index = "index.html" if path.endswith("/") else ""
        url = URL(f"{zone.origin}{path.replace('+', '%20')}{index}{mark}{query}", encoded=True)
        headers = {"Accept-Encoding": "identity", **headers}
        async with self._origins.get(url, headers=headers, allow_redirects=False) as response:
            return Answer(response.status, CIMultiDict(response.headers), await response.read())


def _cached(copy: Copy, cache_status: str) -> Answer:
    headers = CIMultiDict(copy.headers)
    headers.update({"CF-Cache-Status": cache_status, "Age": str(int(time.monotonic() - copy.stored_at))})
    return Answer(copy.status, headers, copy.body)


def _answered(answer: Answer, cache_status: str) -> Answer:
    headers = _passed_on(answer.headers)
    headers["CF-Cache-Status"] = cache_status
    return Answer(answer.status, headers, answer.body)


def _passed_on(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON)
