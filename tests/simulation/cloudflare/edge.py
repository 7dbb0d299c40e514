"""The edge: a caching reverse proxy in front of every zone's origin.

It caches as with a "cache everything" rule: every 200 and 404 whose origin does not forbid it. There is no tier, no
lock around a fill and no memory of purges: a copy whose fill began before a purge and ends after it is kept, and is
old. Nothing Cloudflare publishes rules that out for the real edge either. The header `X-Environment` of a request
stands for the filter by which a zone sends some of its visitors to another environment than Production.
"""

import re
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from tests.simulation.cloudflare.cache import Cache, Copy, Place, lifetime, tags_in
from tests.simulation.cloudflare.faults import EdgeFaults, Kind, Visited
from tests.simulation.cloudflare.journal import log_visit
from tests.simulation.cloudflare.purge import key_of
from tests.simulation.cloudflare.zone import Zone

# Of one connection only (RFC 9110 section 7.6.1), made anew by this server, or Cloudflare's own business.
_NOT_PASSED_ON = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
_NOT_PASSED_ON |= {"content-length", "date", "server", "age", "cache-tag", "cf-cache-status", "cf-ray"}
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

    def __init__(self, zones: Mapping[str, Zone], cache: Cache, origin: Origin, faults: EdgeFaults) -> None:
        self._zones = {host: zone for zone in zones.values() for host in zone.hosts}
        self._cache, self._origin, self._faults = cache, origin, faults

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        host = request.headers.get("Host", "").lower().partition(":")[0]
        target, zone = request.raw_path, self._zones.get(host)
        url, visited = f"{request.scheme}://{host}{target}", Visited(host, target)
        if not target.startswith("/") or not target.isascii() or "#" in target:
            answer = _failed(400, "Bad Request")
        elif zone is None:
            answer = _failed(530, "error code: 1001")  # what a visitor sees of a name that no zone proxies
        else:
            answer = await self._remembered("cache_in_front", visited, url, partial(self._seen, request, zone, visited))
        headers = CIMultiDict({"Server": "cloudflare", "CF-Ray": f"{secrets.token_hex(8)}-IAD"})
        headers.update(answer.headers)
        log_visit(request.method, url, answer.status, headers.get("CF-Cache-Status"))
        return web.Response(status=answer.status, headers=headers, body=answer.body)

    async def _seen(self, request: web.BaseRequest, zone: Zone, visited: Visited) -> Answer:
        """Answer, and change the answer as a test wants it."""
        if order := self._faults.take("answer", visited):
            given = {name: value for name, value in order.headers.items() if value is not None}
            return Answer(order.status, CIMultiDict(given), b"Just a moment...")
        try:
            answer = await self._serve(request, zone, visited)
        except Unreachable:
            return _failed(502, "error code: 502")
        headers = CIMultiDict(answer.headers)
        # Compression weakens an ETag. Nothing is compressed here, only the ETag says so.
        compressed = "gzip" in request.headers.get("Accept-Encoding", "")
        if "ETag" in headers and (compressed or self._faults.take("weak_etag", visited)):
            headers["ETag"] = f"W/{headers['ETag'].removeprefix('W/')}"
        for order in self._faults.fitting("headers", visited):
            self._faults.use(order)
            for name, value in order.headers.items():
                headers.popall(name, None)
                headers.update({name: value} if value is not None else {})
        return Answer(answer.status, headers, answer.body)

    async def _remembered(self, kind: Kind, visited: Visited, url: str, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask, through another cache if a test has ordered one: what that has seen once, it gives for good."""
        if self._faults.take(kind, visited) is None:
            return await ask()
        kept = self._faults.kept.get((kind, url))
        now = time.monotonic()
        since, answer = kept or (now, await ask())
        if answer.status == 200:
            self._faults.kept[kind, url] = since, answer
        headers = CIMultiDict(answer.headers)
        headers["Via"] = "1.1 0a1b.cloudfront.net (CloudFront)"
        headers["X-Cache"] = f"{'Hit' if kept else 'Miss'} from cloudfront"
        if kept:
            headers["Age"] = str(int(now - since) + int(headers.get("Age", "0")))
        return Answer(answer.status, headers, answer.body)

    async def _serve(self, request: web.BaseRequest, zone: Zone, visited: Visited) -> Answer:
        target = request.raw_path
        headers = {name: request.headers[name] for name in _TO_ORIGIN if name in request.headers}

        async def fetched(method: str, body: bytes = b"") -> Answer:
            return await self._remembered(
                "cache_behind",
                visited,
                visited.host + target,
                lambda: self._origin.fetch(zone, method, target, headers, body),
            )

        if request.method not in ("GET", "HEAD"):
            return _answered(await fetched(request.method, await request.content.read()), "DYNAMIC")
        resized = ""
        if image := _RESIZED.fullmatch(target):
            resized, target = image.groups()
        if self._faults.take("dynamic", visited):
            return _answered(await fetched("GET"), "DYNAMIC")
        key = key_of(request.scheme, visited.host, target, headers.get("Origin"))
        environment = next((each for each in zone.environments if each == request.headers.get("X-Environment")), None)
        place = Place(zone.id, environment)
        copy, now = self._cache.get(place, key, resized, request.headers), time.monotonic()
        if copy is not None and now < copy.fresh_until:
            return _cached(copy, "HIT")
        if copy is not None and "ETag" in copy.headers:
            headers["If-None-Match"] = copy.headers["ETag"]
        # HEAD fills the cache too: the origin is always asked for the whole object.
        answer = await fetched("GET")
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


def _failed(status: int, text: str) -> Answer:
    return Answer(status, CIMultiDict(), text.encode())


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
