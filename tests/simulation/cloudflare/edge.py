"""The edge: a caching reverse proxy in front of every zone's origin.

It caches as with a "cache everything" rule: every 200 and 404 whose origin does not forbid it. There is no tier, no
lock around a fill and no memory of purges: a copy whose fill began before a purge and ends after it is kept, and is
old. Nothing Cloudflare publishes rules that out for the real edge either. The header `X-Environment` of a request
stands for the filter by which a zone sends some of its visitors to another environment than Production.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.simulation.cloudflare.cache import Cache, Copy, lifetime, tags_in
from tests.simulation.cloudflare.journal import log_visit
from tests.simulation.cloudflare.purge import key_of
from tests.simulation.cloudflare.zone import Zone

# Of one connection only (RFC 9110 section 7.6.1), made anew by this server, or Cloudflare's own business.
_NOT_PASSED_ON = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_NOT_PASSED_ON |= {"content-length", "date", "server", "age", "cache-tag", "cf-cache-status"}
_TO_ORIGIN = ("Accept", "Accept-Language", "Content-Type", "Origin")
# https://developers.cloudflare.com/images/transform-images/transform-via-url/, of an image of the same host
_RESIZED = re.compile(r"/cdn-cgi/image/([^/]+)(/.*)", re.DOTALL)


class Unreachable(Exception):
    """The origin gave no HTTP answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: CIMultiDict[str]
    body: bytes


class Origin:
    """One connection pool for all origins; leave it open for as long as the edge runs."""

    def __init__(self, ca_file: str | None) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca_file)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=30),
        )

    async def close(self) -> None:
        await self._session.close()

    async def fetch(self, zone: Zone, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Ask for a path and query as the visitor sent them, but for the index document and a `+`: S3 reads a space.

        Raises:
            Unreachable: no connection, no TLS, or no answer in time.
        """
        path, mark, query = target.partition("?")
        index = zone.origin.index_document if path.endswith("/") else ""
        url = URL(f"{zone.origin.url}{path.replace('+', '%20')}{index}{mark}{query}", encoded=True)
        headers = {"Accept-Encoding": "identity", **headers}
        try:
            async with self._session.request(
                method, url, headers=headers, data=body or None, allow_redirects=False
            ) as response:
                return Answer(response.status, CIMultiDict(response.headers), await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable from error


class Edge:
    """Serves the zones' hosts; which one is meant, the Host header says."""

    def __init__(self, zones: Mapping[str, Zone], cache: Cache, origin: Origin) -> None:
        self._zones = {host: zone for zone in zones.values() for host in zone.hosts}
        self._cache, self._origin = cache, origin

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
        target = request.raw_path
        headers = {name: request.headers[name] for name in _TO_ORIGIN if name in request.headers}
        if request.method not in ("GET", "HEAD"):
            body = await request.content.read()
            return _answered(await self._origin.fetch(zone, request.method, target, headers, body), "DYNAMIC")
        resized = ""
        if image := _RESIZED.fullmatch(target):
            resized, target = image.groups()
        key = key_of(request.scheme, host, target, headers.get("Origin"))
        place = next((each for each in zone.environments if each == request.headers.get("X-Environment")), None)
        copy, now = self._cache.get(zone.id, place, key, resized, request.headers), time.monotonic()
        if copy is not None and now < copy.fresh_until:
            return _cached(copy, "HIT")
        if copy is not None and "ETag" in copy.headers:
            headers["If-None-Match"] = copy.headers["ETag"]
        # HEAD fills the cache too: the origin is always asked for the whole object.
        answer, now = await self._origin.fetch(zone, "GET", target, headers, b""), time.monotonic()
        if copy is not None and answer.status == 304:
            copy.stored_at, copy.fresh_until = now, now + (lifetime(copy.status, copy.headers) or 0)
            self._cache.put(zone.id, place, key, copy)
            return _cached(copy, "REVALIDATED")
        seconds = lifetime(answer.status, answer.headers)
        if seconds is None:
            return _answered(answer, "BYPASS" if answer.status in (200, 404) else "MISS")
        named = ",".join(answer.headers.getall("Vary", [])).split(",")
        vary = {name.strip(): request.headers.get(name.strip()) for name in named if name.strip()}
        passed_on, tags = _passed_on(answer.headers), tags_in(answer.headers, zone)
        copy = Copy(resized, vary, answer.status, passed_on, answer.body, tags, now, now + seconds)
        self._cache.put(zone.id, place, key, copy)
        return _answered(answer, "MISS")


def _cached(copy: Copy, cache_status: str) -> web.Response:
    headers = CIMultiDict(copy.headers)
    headers.update({"CF-Cache-Status": cache_status, "Age": str(int(time.monotonic() - copy.stored_at))})
    return web.Response(status=copy.status, headers=headers, body=copy.body)


def _answered(answer: Answer, cache_status: str) -> web.Response:
    headers = _passed_on(answer.headers)
    headers["CF-Cache-Status"] = cache_status
    return web.Response(status=answer.status, headers=headers, body=answer.body)


def _passed_on(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON)
