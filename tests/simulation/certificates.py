"""Certificates of the local world: one authority, one server certificate, both for this run only."""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files."""

    authority: str
    certificate: str
    private_key: str


def issue(folder: Path, *hosts: str) -> Certificates:
    """Make an authority and a certificate for this machine and the given hosts."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost", *hosts)
    paths = Certificates(str(folder / "ca.pem"), str(folder / "server.pem"), str(folder / "server.key"))
    authority.cert_pem.write_to_path(paths.authority)
    server.private_key_pem.write_to_path(paths.private_key)
    for index, pem in enumerate(server.cert_chain_pems):
        pem.write_to_path(paths.certificate, append=index > 0)
    return paths
