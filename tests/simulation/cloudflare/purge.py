"""What a valid purge request asks for."""

from __future__ import annotations

from dataclasses import dataclass

from tests.simulation.cloudflare.cache_key import CacheKey


@dataclass(frozen=True, slots=True)
class Purge:
    """A valid request; exactly one of its parts is not empty."""

    files: frozenset[CacheKey] = frozenset()
    tags: frozenset[str] = frozenset()  # lower case
    hosts: frozenset[str] = frozenset()
    prefixes: frozenset[tuple[str, str]] = frozenset()  # host, start of the path
    everything: bool = False
    urls: int = 0  # how many count towards the limit of single-file URLs; 0 for the other kinds

    def matches(self, key: CacheKey, tags: frozenset[str]) -> bool:
        """Whether a copy under that key, with those (lower-case) tags, is meant.

        Prefixes match in the middle of a word: `/bar` takes `/barbaz` too. The word boundary is ambiguous in the
        documentation, and who asks for a prefix must expect the larger reading.
        """
        return (
            self.everything
            or key in self.files
            or key.host in self.hosts
            or not self.tags.isdisjoint(tags)
            or any(key.host == host and key.path.startswith(path) for host, path in self.prefixes)
        )
