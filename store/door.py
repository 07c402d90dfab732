"""What a request's head says of the client: address, origin, credential, fingerprint.

Pure functions of headers and settings, below both of their users: `web/` for pages and JSON,
`realtime/` for live connections. So both read a cookie or an address in the same way.
"""

from __future__ import annotations

import ipaddress
import logging
import re

from tornado.httputil import HTTPHeaders, parse_cookie

from store.errors import CrossOrigin, InvalidRequest
from store.sessions import BEARER
from store.settings import Settings

QR_COOKIE = "jaga_qr"
"""What a browser keeps of its QR requests: the newest few secrets, with dots between."""

NO_BEARER = "?"
"""What a bearer of the wrong form is looked up as: it is nobody's."""

LASTING = ("jaga_device", "attendance_")
"""Cookies that name a device and log nobody in."""

AHEAD = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""Headers by which a browser says that it fetches ahead: nobody has opened this yet."""

_QR_SECRET = re.compile(r"[A-Za-z0-9_-]{43}")

_BRACKETED = re.compile(r"\[([^\]]*)\](?::\d{1,5})?")

FINGERPRINT = re.compile(r"[A-Za-z0-9_-]{1,128}")


UNREAD = (
    "PROXYFIX_X_FOR is 0, and X-Forwarded-For keeps coming: all clients are taken for one address; "
    "set it to the number of proxies in front"
)

log = logging.getLogger("jaga.web")


class Door:
    """The rules of CONTRACT §3 on cookies, bearers, origins and addresses."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.session_cookie = self.cookie_name("jaga_session")

    def cookie_name(self, name: str) -> str:
        """Return a cookie's full name: on https with the prefix that keeps neighbouring sites from
        setting it (RFC 6265bis)."""
        return f"__Host-{name}" if self._settings.secure_cookies else name

    def cookie(self, headers: HTTPHeaders, name: str) -> str:
        """Return the value of a cookie of ours, "" when there is none.

        On https, cookies of LASTING also count under the bare name that they had before, so that
        no device is forgotten. A session's cookie does not: a neighbouring site may have set it.
        """
        cookies = cookies_of(headers)
        bare = cookies.get(name, "") if name.startswith(LASTING) else ""
        return cookies.get(self.cookie_name(name), "") or bare

    def address(self, headers: HTTPHeaders, remote_ip: str) -> str:
        """Return the client's address: the PROXYFIX_X_FOR-th of X-Forwarded-For from the right,
        without its port; the peer's where that is no address.

        `X-Real-Ip` is ignored: anybody can send it.
        """
        return self.forwarded(headers) or address_in(remote_ip) or remote_ip

    def forwarded(self, headers: HTTPHeaders) -> str | None:
        """Return the address that the trusted hop wrote down, "" when that is no address; None
        when no hop is trusted, or none has written."""
        hops = self._settings.proxyfix_x_for
        named = ",".join(headers.get_list("X-Forwarded-For")).split(",")
        if not hops or "X-Forwarded-For" not in headers or len(named) < hops:
            return None
        return address_in(named[-hops])

    def require_own_origin(self, headers: HTTPHeaders, own_form: bool = False) -> None:
        """Raise CrossOrigin for a request of another site's page.

        A program that is no browser sends neither header, and passes. `own_form`: the request
        brings the token of a form that we made for this very browser.
        """
        site = headers.get("Sec-Fetch-Site")
        if site is not None and site not in ("same-origin", "none"):
            raise CrossOrigin()
        origin = headers.get("Origin")
        if origin == "null" and (site == "same-origin" or (site is None and own_form)):
            # under `Referrer-Policy: no-referrer` a form's page may not name itself; and on plain
            # http, as in old browsers, nothing else says whose it is
            return
        if origin is not None and not self.is_own(origin):
            raise CrossOrigin()

    def is_visit(self, headers: HTTPHeaders) -> bool:
        """Whether a person opens this address: by a link or a script of ours, or by hand.

        False for a browser that fetches ahead, an image, a frame, another site's page. Browsers
        that do not say (plain http, old ones) are judged by their other headers.
        """
        if any(headers.get(name) for name in AHEAD):
            return False
        if headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            return False
        if "Sec-Fetch-Dest" in headers:
            return headers["Sec-Fetch-Dest"] in ("document", "empty")
        referer = headers.get("Referer", "")
        if referer and not self.is_own("/".join(referer.split("/", 3)[:3])):
            return False
        wanted = headers.get("Accept", "")
        return "text/html" in wanted or not any(kind in wanted for kind in ("image/", "text/css"))

    def is_own(self, origin: str) -> bool:
        """Whether an Origin header names us."""
        return origin.lower() in self._settings.origins

    def is_allowed(self, origin: str) -> bool:
        """Whether an Origin header names us, or a site whose pages may ask as ours do."""
        return self.is_own(origin) or origin.lower() in self._settings.allowed_origins

    def qr_secrets(self, headers: HTTPHeaders) -> list[str]:
        """Return the secrets of the browser's QR requests, the oldest first; odd ones are left
        out."""
        words = self.cookie(headers, QR_COOKIE)[:256].split(".")
        return [word for word in words if _QR_SECRET.fullmatch(word)]

    def credential(self, headers: HTTPHeaders) -> tuple[str, bool]:
        """Return the session's credential ("" when there is none) and whether a cookie brought it.

        Raises InvalidRequest when cookie and bearer are two different ones.
        """
        cookie = self.cookie(headers, "jaga_session").removeprefix(BEARER)
        bearer = bearer_of(headers)
        if cookie and bearer and not _is_same_session(cookie, bearer):
            raise InvalidRequest("Authorization", "Cookie dan bearer berbeda session.")
        if bearer and not bearer.startswith(BEARER):
            return NO_BEARER, False
        return bearer or cookie, not bearer

    def fingerprint(self, headers: HTTPHeaders) -> str:
        """Return the page's own fingerprint of the browser. Raises InvalidRequest on an odd one."""
        fp = cookies_of(headers).get("device_fp", "")
        if fp and not FINGERPRINT.fullmatch(fp):
            raise InvalidRequest("device_fp")
        return fp


class Forwards:
    """Notices a proxy in front of us that the settings do not know of: then all the world seems to
    come from one address, and the limits of one lock all out."""

    REQUESTS = 50
    """Judged by so many at a time; a stranger who sends the header is soon outnumbered."""

    def __init__(self, settings: Settings) -> None:
        self._reads_none = settings.proxyfix_x_for == 0
        self._seen = 0
        self._forwarded = 0
        self._has_said = False
        self.are_unread = False
        """Whether most of the last requests came through a proxy that is not trusted."""

    def seen(self, headers: HTTPHeaders) -> None:
        """Look at one request's head."""
        self._seen += 1
        self._forwarded += "X-Forwarded-For" in headers
        if self._seen < self.REQUESTS:
            return
        self.are_unread = self._reads_none and self._forwarded * 2 > self._seen
        self._seen = self._forwarded = 0
        if self.are_unread and not self._has_said:
            self._has_said = True
            log.warning(UNREAD)

    def warnings(self) -> list[str]:
        """Return what /readyz has to say of it."""
        return [UNREAD] if self.are_unread else []


def address_in(text: str) -> str:
    """Return the address that a hop wrote down, as `ipaddress` spells it; "" for what is none.

    Some write a port behind it, which an IPv6 address then needs brackets for.
    """
    bare = text.strip().strip('"')
    if bracketed := _BRACKETED.fullmatch(bare):
        bare = bracketed[1]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        found = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def _is_same_session(cookie: str, bearer: str) -> bool:
    """Whether both begin with the same member and session; what is no bearer never does."""
    return BEARER + cookie.rpartition(".")[0] == bearer.rpartition(".")[0]


def cookies_of(headers: HTTPHeaders) -> dict[str, str]:
    """Return the request's cookies; an odd one does not hide the others."""
    return parse_cookie(headers.get("Cookie", ""))


def bearer_of(headers: HTTPHeaders) -> str:
    """Return the bearer token: of `Authorization`, or of a WebSocket's `bearer, <token>`."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    scheme, _, token = headers.get("Sec-WebSocket-Protocol", "").partition(",")
    return token.strip() if scheme.strip().lower() == "bearer" else ""
