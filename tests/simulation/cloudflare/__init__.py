"""A simulated Cloudflare: the purge API in front of a caching edge.

It behaves as Cloudflare documents, and where the documentation says nothing, as its strictest reading. One account owns
every zone that a token or a user reaches; the others are somebody else's. Tokens are stored as digests only.
"""
