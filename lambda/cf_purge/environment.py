"""Environment variables → the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from cf_purge.config import Config
from cf_purge.document import VARIABLE, read_document


def load(environ: Mapping[str, str]) -> Config:
    """Read the configuration from environment variables.

    Raises:
        Misconfigured: one sentence that names the field.
    """
    if environ.get(VARIABLE):
        return read_document(environ[VARIABLE])
    from cf_purge.flat import read_variables  # never where the module wrote the document

    return read_variables(environ)
