"""Many objects of a website, and whether visitors get what its bucket has."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

from tests.simulation.cloudflare.visitor import Visit
from tests.simulation.site import Site

_THREADS = 16


def keys_of_all_kinds(folder: str, count: int) -> list[str]:
    """Return keys of which a few are index documents and a few have characters that clients encode differently."""
    kinds = {0: f"{folder}/{{}}/index.html", 1: f"{folder}/{{}} (a+b) ü, 50%.html"}
    return [kinds.get(number % 50, f"{folder}/{{}}.html").format(number) for number in range(count)]


def paths_of(key: str) -> list[str]:
    """Return every path under which visitors get an object: not one with a bare `+`, which S3 reads as a space."""
    folder = key.removesuffix("index.html")
    paths = {quote(name, safe=safe) for name in (key, folder) for safe in ("/!$&'()*+,;=:@", "/", "/!*'()")}
    return sorted(path for path in paths if "+" not in path)


class Release:
    """The objects below some keys, uploaded and visited many at a time."""

    def __init__(self, site: Site, keys: Sequence[str]) -> None:
        self.site = site
        self.keys = keys
        self.paths = {path: key for key in keys for path in paths_of(key)}
        self._bodies: dict[str, bytes] = {}  # in the bucket, by key
        self._s3 = site.world.client("s3")

    def upload(self, version: str, keys: Sequence[str] | None = None) -> None:
        def put(key: str) -> None:
            self._bodies[key] = f"{version} of {key}".encode()
            self._s3.put_object(Bucket=self.site.bucket, Key=key, Body=self._bodies[key])

        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(put, self.keys if keys is None else keys))

    def visit(self) -> dict[str, Visit]:
        """Visit every object under each of its paths; the edge then has a copy of it all."""
        visits = self.site.world.visitor.visit_all([self.site.url(path) for path in self.paths])
        return {path: visits[self.site.url(path)] for path in self.paths}

    def stale(self) -> list[str]:
        """Visit everything and return the paths whose visitors do not get what the bucket has."""
        return [path for path, visit in self.visit().items() if visit.body != self._bodies[self.paths[path]]]
