"""Settings that work and are weak: each named in a line, in the log at the start and on `/readyz`.

What has no legitimate use at all stops the start (`store.settings`); what is here has one, as a
school's own server without a certificate. In development nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from store.mounts import passing
from store.redis_servers import SELF_SIGNED
from store.routers import is_this_machine
from store.settings import Settings


def weaknesses(settings: Settings) -> list[str]:
    """Return one line for each weak setting, by its name; none holds a secret."""
    return (
        []
        if settings.is_dev
        else [
            *_outside(settings),
            *_inside(settings),
            *_logins(settings),
            *_sent(settings),
            *_held(settings),
        ]
    )


def _outside(settings: Settings) -> Iterator[str]:
    if settings.is_https:
        if not settings.secure_cookies:
            yield "COOKIE_SECURE is never, and PUBLIC_URL https: a page in clear gives logins away"
        return
    if _is_here(settings.public_url):
        yield "PUBLIC_URL is this machine's own: links in mails and codes lead nobody here"
        return
    yield "PUBLIC_URL is http: passwords and sessions cross the network in clear"
    if settings.cookie_secure == "always":
        yield "COOKIE_SECURE is always, and PUBLIC_URL http: browsers will not keep a login"


def _inside(settings: Settings) -> Iterator[str]:
    if settings.redis_ca == SELF_SIGNED:
        yield "REDIS_CA is self-signed: whoever answers as Redis is believed"


def _logins(settings: Settings) -> Iterator[str]:
    if settings.reveal_unknown_user:
        yield "REVEAL_UNKNOWN_USER is on: anybody can find out who is a member"
    if settings.login_url_credentials == "on":
        yield "LOGIN_URL_CREDENTIALS is on: passwords in addresses end up in logs and histories"


def _sent(settings: Settings) -> Iterator[str]:
    """What crosses a network on its way to somebody else's server."""
    if settings.otp_sender == "http" and _is_plain(settings.otp_http_url):
        yield "OTP_HTTP_URL is http: login codes and the gateway's token travel in clear"
    smtp = urlsplit(settings.smtp_url)
    if smtp.scheme == "smtp" and smtp.port == 465:
        yield "SMTP_URL is smtp:// on port 465, which speaks TLS from the first byte: write smtps://"
    for router in settings.routers:
        if not router.use_ssl and not is_this_machine(router.host):
            yield f"router {router.name} is reached without TLS: its password travels in clear"


def _held(settings: Settings) -> Iterator[str]:
    if not settings.lynk_merchant_keys:
        yield "LYNK_MERCHANT_KEYS is not set: payments are held until it is, and grant nothing"
    elif on := passing(settings.jaga_home):
        yield (
            f"JAGA_HOME lies on {on}: a payment that neither Redis nor Postgres takes waits there; "
            "give it a disk that stays"
        )


def _is_plain(url: str) -> bool:
    return url.startswith("http://") and not _is_here(url)


def _is_here(url: str) -> bool:
    return is_this_machine(urlsplit(url).hostname or "")
