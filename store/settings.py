"""The only reader of the environment: every setting, its default, its unit and its bounds."""

from __future__ import annotations

import os
import resource
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from store.gateway import Form, read_form
from store.redis_servers import SCHEMES, read_ca, read_sentinels
from store.routers import FIRST, Router, is_this_machine, read_routers
from store.setting_kinds import (
    Above,
    Known,
    Setting,
    choice,
    declared,
    flag,
    networks,
    number,
    phones,
    text,
    understood,
    url,
    valid_url,
    whole,
    words,
    words_of,
)
from store.setting_kinds import SettingsError as SettingsError
from store.site import Site, read_contact, read_mailbox
from store.weak_passwords import weakness

MOST_SITE_NAME = 40
"""Characters of the site's name: it stands beside the mark on a narrow phone."""

FONNTE_HEADERS = '{"Authorization": "{token}", "Content-Type": "application/x-www-form-urlencoded"}'
FONNTE_BODY = "target={phone}&message={text}&countryCode=62"
"""The gateway that most sites here use; another one's form is written the same way."""

LEAST_LETTERS = 6
"""Different characters of a SECRET_KEY: sixteen hex digits drawn at random have fewer once in
thirty thousand times; a key that somebody held down has one or two."""

PRODUCTION = "production"

REDIS = "`redis://`, `rediss://`, `unix://`, `redis+sentinel://host:port,…/name/0`"
POSTGRES = ("postgres://", "postgresql://")


def _secret_key(name: str, text: str, above: Above) -> str:
    if above.jaga_env != PRODUCTION:
        return text or secrets.token_urlsafe(32)
    if len(text) < 16:
        raise SettingsError(f"{name} must be set to at least 16 characters in production")
    if len(set(text)) < LEAST_LETTERS:
        raise SettingsError(f"{name} repeats itself: take one of `openssl rand -base64 32`")
    return text


def _secret_keys(name: str, text: str, above: Above) -> tuple[str, ...]:
    """A comma list; SECRET_KEY alone where there is none, which may hold a comma itself."""
    return tuple(_secret_key(name, one, above) for one in words_of(text)) or (above.secret_key,)


def _public_url(name: str, text: str, above: Above) -> str:
    return valid_url(name, text, ("http", "https")).rstrip("/")


def _origins(name: str, text: str, above: Above) -> frozenset[str]:
    """A comma list of exact origins, as browsers write them."""
    return frozenset(_one_origin(name, word) for word in words_of(text))


def _one_origin(name: str, text: str) -> str:
    parts = urlsplit(valid_url(name, text, ("http", "https")))
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise SettingsError(f"{name} has {text!r}: an origin is scheme, host and port alone")
    if "*" in parts.netloc:
        raise SettingsError(f"{name} has {text!r}: each origin is named, none is guessed")
    return _origin(text.removesuffix("/"))


def _samesite(name: str, text: str, above: Above) -> str:
    kinds = ("lax", "none", "partitioned")
    if text not in kinds:
        raise SettingsError(f"{name} is {text!r}: it must be one of {', '.join(kinds)}")
    is_secure = above.public_url.startswith("https://") and above.cookie_secure != "never"
    if text != "lax" and not is_secure and above.cookie_secure != "always":
        raise SettingsError(f"{name} is {text}: browsers keep such cookies on https only")
    return text


def _redis(name: str, text: str, above: Above) -> str:
    """A server's address, or Sentinels' (store.redis_servers)."""
    try:
        return text if read_sentinels(text) else valid_url(name, text, SCHEMES)
    except ValueError as error:  # its text shows no password
        raise SettingsError(f"{name}: {error}") from None


def _database(name: str, text: str, above: Above) -> str:
    """A server's address, or several with commas between, as libpq takes them."""
    try:
        hosts = conninfo_to_dict(text) if text.startswith(POSTGRES) else {}
    except ProgrammingError:  # its text shows the address
        hosts = {}
    ports = [port for port in str(hosts.get("port") or "").split(",") if port]
    if not hosts or not all(port.isdigit() and 0 < int(port) < 65_536 for port in ports):
        raise SettingsError(
            f"{name} must begin with postgresql:// and be a whole address, with commas between "
            "several host:port"
        )
    return text


def _admin_password(name: str, text: str, above: Above) -> str:
    if text and not above.admin_email:
        raise SettingsError(f"ADMIN_EMAIL is not set: {name} needs it")
    if above.admin_email and not text:
        raise SettingsError(f"{name} is not set: ADMIN_EMAIL needs it")
    if text and above.jaga_env == PRODUCTION and weakness(text, above.admin_email):
        raise SettingsError(
            f"{name} is too weak: 8 characters at least, nothing that many people choose, "
            "not the admin's own e-mail"
        )
    return text


def _metrics_token(name: str, text: str, above: Above) -> str:
    if text and len(text) < 16:
        raise SettingsError(f"{name} must have at least 16 characters")
    return text


def _timezone(name: str, text: str, above: Above) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"{name} is {text!r}: it must be an IANA name, as Asia/Jakarta"
        ) from None
    return text


def _routers(name: str, text: str, above: Above) -> tuple[Router, ...]:
    try:
        return read_routers(
            words_of(text),
            username=above.mikrotik_username,
            password=above.mikrotik_password,
            ca=above.mikrotik_ca,
        )
    except ValueError as error:  # its text shows no password
        raise SettingsError(f"{name}: {error}") from None


def _mailbox(text: str) -> str:
    read_mailbox(text)
    return text


def _site_name(text: str) -> str:
    if len(text) > MOST_SITE_NAME or not text.isprintable() or set("<>@") & set(text):
        raise ValueError(f"it must be a name of {MOST_SITE_NAME} characters at most")
    return text


def _logo(text: str) -> str:
    """A path of ours, or an address a browser fetches; nothing that could end a policy's line."""
    is_path = text.startswith("/") and not text.startswith("//")
    is_address = text.startswith(("https://", "http://")) and urlsplit(text).hostname
    if not (is_path or is_address) or not text.isascii() or set(" ;,'\"<>") & set(text):
        raise ValueError("it must be an https:// address of a picture, or a path of this site")
    return text


def _connections_that_fit() -> int:
    """How many connections the descriptor limit allows, with room for Redis, Postgres and files.

    The hard limit counts: the server raises its own up to it.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return 100_000
    return max(hard - 256, 16)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set from outside (CONTRACT §2); seconds unless the name says more.

    Each is declared once: its kind, default and bounds, and its line in docs/settings.md. They are
    read in this order, so that a default may depend on what is above it.
    """

    jaga_env: str = choice(PRODUCTION, "", PRODUCTION, "dev")
    jaga_home: Path = declared(lambda name, text, above: Path(text).absolute(), "var", "")
    # The process
    port: int = whole(8000, "where to listen", 1, 65535)
    # a PaaS reaches the process from outside its own address
    bind: str = text(
        Known(
            lambda above: "0.0.0.0" if above.jaga_env == PRODUCTION else "127.0.0.1",  # noqa: S104
            "`0.0.0.0` in production",
        ),
        "at which of this machine's addresses",
    )
    public_url: str = declared(
        _public_url,
        Known(lambda above: f"http://127.0.0.1:{above.port}", "`http://127.0.0.1:<PORT>`"),
        "where the outside finds us; the only origin whose pages may post. `https` makes cookies "
        "`Secure`",
        "`http://`, `https://`",
    )
    secret_key: str = declared(
        _secret_key,
        "",
        "required in production, drawn at random",
        "16 characters at least, six different ones among them",
    )
    secret_keys: tuple[str, ...] = declared(
        _secret_keys,
        "",
        "what sessions, cookies and forms are signed with: the first signs, all are believed. "
        "`SECRET_KEY` stays what numbers of orders, licence keys and the routers' passwords are "
        "derived from ([operating.md](operating.md))",
        "comma list, each as `SECRET_KEY`",
        shown="`SECRET_KEY`",
    )
    redis_url: str = declared(
        _redis,
        "redis://127.0.0.1:6379/0",
        "the first store; Redis with AOF and `noeviction`. One server, or those that Sentinels "
        "know ([operating.md](operating.md))",
        REDIS,
    )
    redis_ca: str = understood(
        "",
        "whose certificate Redis may show over `rediss://`: a file of authorities, or their text. "
        "`self-signed` believes anybody, as Heroku's own Redis needs",
        read_ca,
        "a file, PEM text, or `self-signed`",
        shown="the system's",
    )
    durability: str = choice(
        "auto",
        "when what must never come back is acknowledged (logout, block, password, purge, payment, "
        "attendance, licence, QR): `disk`, on a disk; `replica`, at another Redis; `both`; `auto`, "
        "as far as this Redis can say so; `none`, as soon as it has it "
        "([operating.md](operating.md))",
        "auto",
        "none",
        "disk",
        "replica",
        "both",
    )
    redis_prefix: str = text("jaga", "first part of every Redis name")
    database_url: str = declared(
        _database,
        "postgresql://127.0.0.1:5432/jaga",
        "the lasting copy. Of several hosts the one that may be written is taken; pgbouncer may "
        "stand before it ([operating.md](operating.md))",
        "`postgresql://host:port,host:port/name`",
    )
    queue_redis_url: str = declared(
        _redis,
        Known(lambda above: above.redis_url, "`REDIS_URL`"),
        "where the jobs are queued",
        REDIS,
    )
    proxyfix_x_for: int = whole(
        0,
        "trusted proxies in front, counted from the right of `X-Forwarded-For`; 1 on most PaaS",
        0,
        10,
    )
    cookie_secure: str = choice(
        "auto",
        "whether cookies are `Secure`: as `PUBLIC_URL` is, or said",
        "auto",
        "always",
        "never",
    )
    cookie_samesite: str = declared(
        _samesite,
        "lax",
        "whether pages of `ALLOWED_ORIGINS` on another domain bring the cookies along: `none` adds "
        "`SameSite=None; Secure`, `partitioned` keeps them apart for each site that frames us",
        "`lax`, `none`, `partitioned`",
    )
    allowed_origins: frozenset[str] = declared(
        _origins,
        "",
        "whose pages may use the stream, the socket, `/api/session`, `/api/auth/check`, the "
        "activity ping, login attempts and licences with their members' cookies "
        "([own-pages.md](own-pages.md))",
        "comma list of exact origins",
        shown="none",
    )
    timezone: str = declared(_timezone, "Asia/Jakarta", "for days and dates", "an IANA name")
    admin_email: str = text(
        "", "the first admin, made at the start when absent; with `ADMIN_PASSWORD` or not at all"
    )
    admin_password: str = declared(
        _admin_password, "", "the first admin's; a weak one stops the start"
    )
    log_format: str = choice("text", "how the log is written", "text", "json")
    retention_days: int = whole(
        400,
        "how long the audit, the history of sessions, devices at rest, hotspot use by day and "
        "deliveries that came to nothing are kept: a school year, and time to look back at it. "
        "Mails, messages, QR requests and refused attendance: 90 days. Orders, licences, "
        "attendance: for good",
        30,
        36_500,
    )
    metrics_token: str = declared(
        _metrics_token,
        "",
        "who else than this machine sees `/metrics` and what `/readyz` says of each part: who "
        "sends this token as bearer. Others see `/readyz`'s status alone",
        "16 characters at least",
    )
    metrics_cidrs: tuple[str, ...] = networks("who sees the same without a token")
    # in development nobody balances a load, and Ctrl-C shall be quick
    shutdown_grace_seconds: float = number(
        Known(lambda above: 3 if above.jaga_env == PRODUCTION else 0, "3; 0 in development"),
        "after SIGTERM `/readyz` says 503 at once and requests are served on for so long, until a "
        "load balancer has looked. Then what is in hand is answered, 20 s after SIGTERM at the "
        "latest",
        0,
        10,
    )
    # Sessions
    session_remember_seconds: int = whole(
        43_200, '"Ingat Saya": survives the browser\'s closing for so long from login', 1
    )
    session_idle_seconds: int = whole(
        72_000, "a password session ends after so long without activity", 1
    )
    session_lifetime_seconds: int = whole(
        86_400, "and so long after its login, whatever happens", 1
    )
    activity_ping_seconds: int = whole(600, "how often a page says that somebody is there", 1)
    grace_seconds: float = number(0.2, "between a tab being told and its session being dead", 0, 5)
    web_session_ttl_days: int = whole(
        30, "a QR session ends after so long without activity", 1, 366
    )
    qr_token_ttl_seconds: int = whole(120, "life of a QR request", 1, 600)
    access_token_seconds: int = whole(
        900, "life of a bearer; the refresh token brings the next", 1, 86_400
    )
    web_login: tuple[str, ...] = words("password,qr", "ways in on the login page", "password", "qr")
    reveal_unknown_user: bool = flag(False, 'the old site\'s "Username tidak ada."')
    login_url_credentials: str = choice(
        "fragment",
        "`/login#username=…&password=…`: never, after the `#`, or as a query",
        "off",
        "fragment",
        "on",
    )
    # Realtime
    heartbeat_seconds: float = number(
        20, "beat of open connections; a dead peer is found within 2.5", 0.05, 300
    )
    sweep_seconds: float = number(
        5, "how often each open line's session is checked again", 0.05, 300
    )
    send_buffer_bytes: int = whole(65_536, "what one slow client may cost", 1_024, 16_777_216)
    max_connections: int = whole(
        Known(lambda above: _connections_that_fit(), "from the descriptor limit"),
        "open lines of one process; then 503",
        1,
    )
    max_tabs_per_device: int = whole(20, "lines of one device; then the oldest is closed", 1, 1_000)
    # Webhook and mail
    lynk_merchant_keys: tuple[str, ...] = words(
        "", "several for rotation; without one production holds deliveries until there is"
    )
    lynk_member_product: str = text("Daftar Member KEI", "the product that makes a member")
    member_initial_password: str = choice(
        "phone", "a bought membership's; it must be changed at the first login", "phone", "random"
    )
    webhook_bad_signature_status: int = whole(401, "answer to a wrong signature", 200, 499)
    smtp_url: str = url(
        "",
        "where mails go; without one they wait. Over `smtp://` a password is only sent after "
        "STARTTLS under a valid certificate, unless the server is on this machine",
        "smtp",
        "smtps",
    )
    mail_from: str = understood(
        "no-reply@localhost",
        "an address, or `Name <address>`; without a name it is `SITE_NAME`",
        _mailbox,
        "a mailbox",
    )
    # The site
    site_name: str = understood(
        "Jaga",
        "what the site is called on pages and in mails",
        _site_name,
        f"{MOST_SITE_NAME} characters at most",
    )
    site_logo_url: str = understood("", "its logo", _logo, "an address, or a path of this site")
    contact_url: str = understood(
        "",
        "whom to ask. A mail address is also where mails are answered to",
        read_contact,
        "a WhatsApp number or link, a mail address, or a page",
    )
    shop_url: str = url(
        "",
        "where packages and products are bought; kept open in the walled garden, as a contact page "
        "is. WhatsApp is not: add `*.whatsapp.net,*.whatsapp.com` to `HOTSPOT_WALLED_GARDEN` where "
        "that shall be free",
        "http",
        "https",
    )
    # Hotspot
    mikrotik_host: str = text("", "the router")
    # the password never crosses a network in clear unless somebody insists
    mikrotik_use_ssl: bool = flag(
        Known(lambda above: not is_this_machine(above.mikrotik_host), "1, unless on this machine"),
        "whether it is spoken to by `api-ssl`",
    )
    mikrotik_port: int = whole(
        Known(lambda above: 8729 if above.mikrotik_use_ssl else 8728, "8729 with TLS, else 8728"),
        "the port of its API",
        1,
        65535,
    )
    mikrotik_username: str = text("admin", "our account at the router")
    mikrotik_password: str = text("", "its password")
    mikrotik_ca: str = text(
        "", "whose certificates are believed: PEM text, or a path to it", shown="the system's"
    )
    mikrotik_routers: tuple[Router, ...] = declared(
        _routers,
        "",
        "further routers; what is left out is as for the first",
        "comma list of `name=api-ssl://user:password@host:port`",
    )
    mikrotik_profile_aktif: str = text(
        "profile-aktif", "the router's profile for members with quota left"
    )
    mikrotik_profile_fup: str = text("profile-fup", "for whom fair use has begun")
    mikrotik_profile_habis: str = text("profile-habis", "whose quota is used up")
    mikrotik_profile_blokir: str = text("profile-blokir", "who are blocked")
    mikrotik_profile_unlimited: str = text("profile-unlimited", "who have no quota to use up")
    mikrotik_profile_inactive: str = text("inactive", "whose time is over, or has not begun")
    hotspot_mode: str = choice(
        "bypass", "how the router lets a device through", "bypass", "session"
    )
    hotspot_presence: str = choice(
        "row",
        "`proof`: a device that no trusted proxy names has to log in at the router once to be "
        "bound",
        "row",
        "proof",
    )
    hotspot_cidrs: tuple[str, ...] = networks("whose addresses are hotspot clients")
    hotspot_sync_seconds: int = whole(300, "a full pass over the router", 1)
    fup_threshold_percent: int = whole(85, "where fair use begins, unless the package says", 1, 100)
    sync_test_mode_enabled: bool = flag(
        False, "write for the numbers below only, plan for everybody"
    )
    sync_test_phone_numbers: tuple[str, ...] = phones("those numbers, in any form")
    hotspot_login_hosts: tuple[str, ...] = words(
        "hotspot.lan", "hosts the router's login page may name"
    )
    hotspot_walled_garden: tuple[str, ...] = words(
        "lynk.id,*.lynk.id", "hosts reachable before a login"
    )
    # Codes and messages
    otp_sender: str = choice(
        "log",
        "`http` sends codes and messages through a gateway, Fonnte's unless said otherwise. With "
        "`log` the log says that one was made, never the code (in development it lands in a file)",
        "log",
        "http",
    )
    otp_ttl_seconds: int = whole(300, "life of a code", 30, 3_600)
    otp_http_url: str = url("https://api.fonnte.com/send", "the gateway's address", "http", "https")
    otp_http_token: str = text("", "what it knows us by")
    otp_http_method: str = choice("POST", "how it is asked", "POST", "PUT", "GET")
    otp_http_headers: str = text(
        FONNTE_HEADERS,
        "a JSON object. Address, headers and body may name `{phone}` (628…), `{phone_local}` "
        "(08…), `{phone_plus}`, `{text}`, `{token}`, which are escaped as the `Content-Type` needs",
        shown="Fonnte's",
    )
    otp_http_body: str = text(FONNTE_BODY, "what is sent", shown="Fonnte's")
    otp_http_success: str = text(
        "status=true",
        "the field of the JSON answer that says success, as `messages.0.id`",
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check every setting.

        Takes the environment (the process's own when None). Raises SettingsError with one line
        for the first value that cannot be used.
        """
        settings = _read(os.environ if environ is None else environ)
        try:
            settings.gateway.check()
        except ValueError as error:
            raise SettingsError(f"OTP_HTTP_*: {error}") from None
        return settings

    @property
    def is_dev(self) -> bool:
        """Whether `scripts/run` started this process."""
        return self.jaga_env == "dev"

    @property
    def routers(self) -> tuple[Router, ...]:
        """Every router there is: the one of MIKROTIK_HOST, if any, then those of
        MIKROTIK_ROUTERS."""
        if not self.mikrotik_host:
            return self.mikrotik_routers
        first = Router(
            FIRST,
            self.mikrotik_host,
            self.mikrotik_port,
            self.mikrotik_username,
            self.mikrotik_password,
            self.mikrotik_use_ssl,
            self.mikrotik_ca,
        )
        return (first, *self.mikrotik_routers)

    @property
    def is_https(self) -> bool:
        """Whether the outside finds us by https (PUBLIC_URL)."""
        return self.public_url.startswith("https://")

    @property
    def has_gateway(self) -> bool:
        """Whether a code reaches a phone."""
        return self.is_dev or self.otp_sender == "http"

    @property
    def has_mail(self) -> bool:
        """Whether a mail leaves this house."""
        return self.is_dev or bool(self.smtp_url)

    @property
    def gateway(self) -> Form:
        """How the message gateway is asked."""
        return read_form(
            method=self.otp_http_method,
            url=self.otp_http_url,
            headers=self.otp_http_headers,
            body=self.otp_http_body,
            success=self.otp_http_success,
            token=self.otp_http_token,
        )

    @property
    def site(self) -> Site:
        """The site as its visitors know it."""
        return Site(self.site_name, self.site_logo_url, self.contact_url, self.shop_url)

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies carry Secure: said outright, or, on `auto`, as PUBLIC_URL's scheme."""
        if self.cookie_secure == "auto":
            return self.is_https
        return self.cookie_secure == "always"

    @property
    def samesite(self) -> str:
        """What cookies say of other sites. `http.cookies` knows no Partitioned before Python
        3.14."""
        kinds = {"lax": "Lax", "none": "None", "partitioned": "None; Partitioned"}
        return kinds[self.cookie_samesite]

    @property
    def origins(self) -> frozenset[str]:
        """The origins that are ours.

        Only PUBLIC_URL's: a Host header is the client's word and proves nothing. In development
        the same port under `localhost` and `127.0.0.1` as well.
        """
        ours = {_origin(self.public_url)}
        if self.is_dev:
            ours |= {f"http://{host}:{self.port}" for host in ("localhost", "127.0.0.1")}
        return frozenset(ours)


def _read(environ: Mapping[str, str]) -> Settings:
    above = Above()
    for name, setting in declarations():
        setattr(above, name, setting.value(name.upper(), environ, above))
    return Settings(**vars(above))


def declarations() -> Iterator[tuple[str, Setting]]:
    """Each setting's field and declaration, in the order in which they are read."""
    return ((field.name, field.metadata["setting"]) for field in fields(Settings))


def _origin(url: str) -> str:
    """As a browser writes it: without the port that goes without saying."""
    parts = urlsplit(url)
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc}".lower().removesuffix(usual)


SETTING_NAMES = tuple(field.name.upper() for field in fields(Settings))
"""The environment's names, in the order of the documentation."""
