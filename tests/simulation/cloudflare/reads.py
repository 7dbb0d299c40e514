"""What the API tells to whom a purge was refused: whether the token is one, and which zones of a name it reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from tests.simulation.cloudflare import refusal
from tests.simulation.cloudflare.identities import Identity
from tests.simulation.cloudflare.zone import Zone

# Cloudflare's own words: https://github.com/putyourlightson/craft-cloudflare/issues/88
_ACTIVE = {"code": 10000, "message": "This API Token is valid and active", "type": None}
_PER_PAGE = 20


def verify(identity: Identity | None) -> dict[str, Any]:
    """Answer `GET /user/tokens/verify`: the state of the user's token that asks.

    Raises:
        Refusal: there is no such token among the users'; an account's own is not.
    """
    if identity is None or identity.is_account_owned:
        raise refusal.NO_SUCH_TOKEN.refusal(401)
    messages = [_ACTIVE] if identity.status == "active" else []
    return {"messages": messages, "result": {"id": identity.token_id, "status": identity.status}}


def zones_listed(identity: Identity, zones: Mapping[str, Zone], query: str) -> dict[str, Any]:
    """Answer `GET /zones?name=…`: the zones of that name (of any, without one) in which one may do anything at all.

    Raises:
        Refusal: a token may do nothing in any of them (https://github.com/cert-manager/cert-manager/issues/2878).
            A user gets an empty list.
    """
    asked = parse_qs(query)
    [*_, name], [*_, page] = asked.get("name", [""]), asked.get("page", ["1"])
    found = [
        {"id": zone.id, "name": zone.name, "status": "active"}
        for zone in zones.values()
        if name.lower() in ("", zone.name) and identity.has_something_in(zone.id)
    ]
    if not found and not identity.is_user:
        raise refusal.no_zone_list(identity.token_id)
    # All on the first page; the SDK asks for pages until one is empty.
    shown = found if page == "1" else []
    info = {
        "page": int(page) if page.isdigit() else 1,
        "per_page": _PER_PAGE,
        "count": len(shown),
        "total_count": len(found),
        "total_pages": 1,
    }
    return {"result": shown, "result_info": info}
