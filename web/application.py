"""The application: the route tables of all capabilities, added up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.web import Application, RequestHandler

from store.opening import Store
from web import (
    account,
    admin,
    attendance,
    check,
    devices,
    hotspot,
    mails,
    member_lists,
    passwords,
    payments,
    qr,
    sessions,
)
from web.handler import Handler, UnknownAddress
from web.known import Known
from web.pages import Pages


def make_application(
    store: Store,
    more: list[tuple[Any, ...]],
    websocket_stats: devices.Figures = dict,
    answered: Callable[[RequestHandler], None] = lambda handler: None,
) -> Application:
    """Build it. `more` are routes whose parts the web layer does not know (health). `answered` is
    called with the handler of each finished request."""
    settings = store.settings
    pages = Pages(
        site=settings.site,
        heartbeat_seconds=settings.heartbeat_seconds,
        ping_seconds=settings.activity_ping_seconds,
        has_hotspot=bool(settings.routers),
    )
    parts = {"store": store, "pages": pages}
    routes = [
        *sessions.routes(pages, settings.is_dev),
        *passwords.routes(),
        *account.routes(),
        *check.routes(),
        *admin.routes(),
        *member_lists.routes(),
        *attendance.routes(),
        *devices.routes(pages),
        *qr.routes(),
        *hotspot.routes(),
        *payments.routes(),
        *mails.routes(),
    ]
    return Application(
        [*more, *(_with_parts(route, parts) for route in routes)],
        default_handler_class=UnknownAddress,
        default_handler_args=parts,
        log_function=answered,
        websocket_stats=websocket_stats,
        known=Known(),
        is_https=settings.is_https,
        allowed_origins=settings.allowed_origins,
        logo_url=settings.site_logo_url,
    )


def _with_parts(route: tuple[Any, ...], parts: dict[str, Any]) -> tuple[Any, ...]:
    """Give a handler of ours the store and the pages; others bring their own arguments."""
    return (*route, parts) if issubclass(route[1], Handler) else route
