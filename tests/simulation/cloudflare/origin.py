"""The way from the edge to where a zone's objects are."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tests.simulation.cloudflare.zone import OriginSite

_TIMEOUT = aiohttp.ClientTimeout(total=30)


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
            timeout=_TIMEOUT,
        )

    async def close(self) -> None:
        await self._session.close()

    async def fetch(
        self, site: OriginSite, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Ask for a path and query exactly as the visitor sent them, but for the index document.

        Raises:
            Unreachable: no connection, no TLS, or no answer in time.
        """
        path, mark, query = target.partition("?")
        index = site.index_document if path.endswith("/") else ""
        url = URL(f"{site.url}{path}{index}{mark}{query}", encoded=True)
        try:
            async with self._session.request(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                data=body,
                allow_redirects=False,
            ) as response:
                return Answer(response.status, CIMultiDict(response.headers), await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(type(error).__name__) from error
