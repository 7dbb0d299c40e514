"""A simulated Cloudflare: the purge API in front of a caching edge, and a control plane for tests.

It behaves as Cloudflare documents, and where the documentation is silent, as the strictest reading of it. One
simulated account owns every zone that a token or a user reaches; the others are somebody else's. Nothing it keeps or
writes holds the value of a token.
"""
