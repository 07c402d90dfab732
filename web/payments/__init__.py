"""Payments over HTTP: the webhook, the buyer's page, licences, and the operator's side."""

from __future__ import annotations

from typing import Any

from web.payments import licences, operators, orders, webhook


def routes() -> list[tuple[Any, ...]]:
    """The addresses of this package."""
    return [*webhook.ROUTES, *orders.ROUTES, *licences.ROUTES, *operators.ROUTES]
