"""A function's process has nothing imported but what the function imports, as on AWS.

MiniStack imports botocore into each, to count how deep functions call each other: a good part of a cold start, and
nothing that functions here do.
"""

from __future__ import annotations

_COUNTING = "    _ms_install_invoke_depth()\n"


def bare(script: str) -> str:
    """Return what MiniStack starts a process with, without that."""
    if _COUNTING not in script:
        raise LookupError("MiniStack no longer imports botocore where it did: see whether this can go.")
    return script.replace(_COUNTING, "")
