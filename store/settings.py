"""The only reader of the environment: every setting, its default, its unit and its bounds."""

from __future__ import annotations

import os
import resource
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from store.gateway import Form, read_form
from store.phones import normal_phone
from store.redis_servers import SCHEMES, read_ca, read_sentinels
from store.routers import FIRST, Router, is_this_machine, read_routers
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


class SettingsError(Exception):
    """A setting that cannot be used; the text is one line that names it and says what it may be."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set from outside (CONTRACT §2); seconds unless the name says more."""

    # The process
    jaga_env: str
    jaga_home: Path
    port: int
    bind: str
    public_url: str
    secret_key: str
    redis_url: str
    redis_ca: str
    redis_prefix: str
    database_url: str
    queue_redis_url: str
    proxyfix_x_for: int
    cookie_secure: str
    timezone: str
    admin_email: str
    admin_password: str
    log_format: str
    retention_days: int
    metrics_token: str
    metrics_cidrs: tuple[str, ...]
    shutdown_grace_seconds: float
    # Sessions
    session_remember_seconds: int
    session_idle_seconds: int
    session_lifetime_seconds: int
    activity_ping_seconds: int
    grace_seconds: float
    web_session_ttl_days: int
    qr_token_ttl_seconds: int
    access_token_seconds: int
    web_login: tuple[str, ...]
    reveal_unknown_user: bool
    login_url_credentials: str
    # Realtime
    heartbeat_seconds: float
    sweep_seconds: float
    send_buffer_bytes: int
    max_connections: int
    max_tabs_per_device: int
    # Webhook
    lynk_merchant_keys: tuple[str, ...]
    lynk_member_product: str
    member_initial_password: str
    webhook_bad_signature_status: int
    smtp_url: str
    mail_from: str
    # The site
    site_name: str
    site_logo_url: str
    contact_url: str
    shop_url: str
    # Hotspot
    mikrotik_host: str
    mikrotik_port: int
    mikrotik_username: str
    mikrotik_password: str
    mikrotik_use_ssl: bool
    mikrotik_ca: str
    mikrotik_routers: tuple[Router, ...]
    mikrotik_profile_aktif: str
    mikrotik_profile_fup: str
    mikrotik_profile_habis: str
    mikrotik_profile_blokir: str
    mikrotik_profile_unlimited: str
    mikrotik_profile_inactive: str
    hotspot_mode: str
    hotspot_presence: str
    hotspot_cidrs: tuple[str, ...]
    hotspot_sync_seconds: int
    fup_threshold_percent: int
    sync_test_mode_enabled: bool
    sync_test_phone_numbers: tuple[str, ...]
    hotspot_login_hosts: tuple[str, ...]
    hotspot_walled_garden: tuple[str, ...]
    otp_sender: str
    otp_ttl_seconds: int
    otp_http_url: str
    otp_http_token: str
    otp_http_method: str
    otp_http_headers: str
    otp_http_body: str
    otp_http_success: str

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
    read = _Reader(environ)
    env = read.choice("JAGA_ENV", "production", ("production", "dev"))
    port = read.whole("PORT", 8000, 1, 65535)
    redis_url = read.redis("REDIS_URL", "redis://127.0.0.1:6379/0")
    mikrotik_host = read.text("MIKROTIK_HOST", "")
    # the password never crosses a network in clear unless somebody insists
    mikrotik_ssl = read.flag("MIKROTIK_USE_SSL", not is_this_machine(mikrotik_host))
    return Settings(
        jaga_env=env,
        jaga_home=Path(read.text("JAGA_HOME", "var")).absolute(),
        port=port,
        # a PaaS reaches the process from outside its own address
        bind=read.text("BIND", "0.0.0.0" if env == "production" else "127.0.0.1"),  # noqa: S104
        public_url=read.url("PUBLIC_URL", f"http://127.0.0.1:{port}", ("http", "https")),
        secret_key=_secret_key(read, env),
        redis_url=redis_url,
        redis_ca=read.understood("REDIS_CA", "", read_ca),
        redis_prefix=read.text("REDIS_PREFIX", "jaga"),
        database_url=read.url(
            "DATABASE_URL", "postgresql://127.0.0.1:5432/jaga", ("postgres", "postgresql")
        ),
        queue_redis_url=read.redis("QUEUE_REDIS_URL", redis_url),
        proxyfix_x_for=read.whole("PROXYFIX_X_FOR", 0, 0, 10),
        cookie_secure=read.choice("COOKIE_SECURE", "auto", ("auto", "always", "never")),
        timezone=_timezone(read),
        admin_email=read.beside("ADMIN_EMAIL", "ADMIN_PASSWORD"),
        admin_password=_admin_password(read, env),
        log_format=read.choice("LOG_FORMAT", "text", ("text", "json")),
        retention_days=read.whole("RETENTION_DAYS", 400, 30, 36_500),
        metrics_token=_metrics_token(read),
        metrics_cidrs=read.networks("METRICS_CIDRS", ""),
        # in development nobody balances a load, and Ctrl-C shall be quick
        shutdown_grace_seconds=read.number(
            "SHUTDOWN_GRACE_SECONDS", 3 if env == "production" else 0, 0.0, 10.0
        ),
        session_remember_seconds=read.whole("SESSION_REMEMBER_SECONDS", 43_200, 1),
        session_idle_seconds=read.whole("SESSION_IDLE_SECONDS", 72_000, 1),
        session_lifetime_seconds=read.whole("SESSION_LIFETIME_SECONDS", 86_400, 1),
        activity_ping_seconds=read.whole("ACTIVITY_PING_SECONDS", 600, 1),
        grace_seconds=read.number("GRACE_SECONDS", 0.2, 0.0, 5.0),
        web_session_ttl_days=read.whole("WEB_SESSION_TTL_DAYS", 30, 1, 366),
        qr_token_ttl_seconds=read.whole("QR_TOKEN_TTL_SECONDS", 120, 1, 600),
        access_token_seconds=read.whole("ACCESS_TOKEN_SECONDS", 900, 1, 86_400),
        web_login=read.choices("WEB_LOGIN", "password,qr", ("password", "qr")),
        reveal_unknown_user=read.flag("REVEAL_UNKNOWN_USER", False),
        login_url_credentials=read.choice(
            "LOGIN_URL_CREDENTIALS", "fragment", ("off", "fragment", "on")
        ),
        heartbeat_seconds=read.number("HEARTBEAT_SECONDS", 20, 0.05, 300),
        sweep_seconds=read.number("SWEEP_SECONDS", 5, 0.05, 300),
        send_buffer_bytes=read.whole("SEND_BUFFER_BYTES", 65_536, 1_024, 16_777_216),
        max_connections=read.whole("MAX_CONNECTIONS", _connections_that_fit(), 1),
        max_tabs_per_device=read.whole("MAX_TABS_PER_DEVICE", 20, 1, 1_000),
        lynk_merchant_keys=read.words("LYNK_MERCHANT_KEYS", ""),
        lynk_member_product=read.text("LYNK_MEMBER_PRODUCT", "Daftar Member KEI"),
        member_initial_password=read.choice(
            "MEMBER_INITIAL_PASSWORD", "phone", ("phone", "random")
        ),
        webhook_bad_signature_status=read.whole("WEBHOOK_BAD_SIGNATURE_STATUS", 401, 200, 499),
        smtp_url=read.url("SMTP_URL", "", ("smtp", "smtps")),
        mail_from=read.understood("MAIL_FROM", "no-reply@localhost", _mailbox),
        site_name=read.understood("SITE_NAME", "Jaga", _site_name),
        site_logo_url=read.understood("SITE_LOGO_URL", "", _logo),
        contact_url=read.understood("CONTACT_URL", "", read_contact),
        shop_url=read.url("SHOP_URL", "", ("http", "https")),
        mikrotik_host=mikrotik_host,
        mikrotik_port=read.whole("MIKROTIK_PORT", 8729 if mikrotik_ssl else 8728, 1, 65535),
        mikrotik_username=read.text("MIKROTIK_USERNAME", "admin"),
        mikrotik_password=read.text("MIKROTIK_PASSWORD", ""),
        mikrotik_use_ssl=mikrotik_ssl,
        mikrotik_ca=read.text("MIKROTIK_CA", ""),
        mikrotik_routers=_routers(read),
        mikrotik_profile_aktif=read.text("MIKROTIK_PROFILE_AKTIF", "profile-aktif"),
        mikrotik_profile_fup=read.text("MIKROTIK_PROFILE_FUP", "profile-fup"),
        mikrotik_profile_habis=read.text("MIKROTIK_PROFILE_HABIS", "profile-habis"),
        mikrotik_profile_blokir=read.text("MIKROTIK_PROFILE_BLOKIR", "profile-blokir"),
        mikrotik_profile_unlimited=read.text("MIKROTIK_PROFILE_UNLIMITED", "profile-unlimited"),
        mikrotik_profile_inactive=read.text("MIKROTIK_PROFILE_INACTIVE", "inactive"),
        hotspot_mode=read.choice("HOTSPOT_MODE", "bypass", ("bypass", "session")),
        hotspot_presence=read.choice("HOTSPOT_PRESENCE", "row", ("row", "proof")),
        hotspot_cidrs=read.networks("HOTSPOT_CIDRS", ""),
        hotspot_sync_seconds=read.whole("HOTSPOT_SYNC_SECONDS", 300, 1),
        fup_threshold_percent=read.whole("FUP_THRESHOLD_PERCENT", 85, 1, 100),
        sync_test_mode_enabled=read.flag("SYNC_TEST_MODE_ENABLED", False),
        sync_test_phone_numbers=read.phones("SYNC_TEST_PHONE_NUMBERS"),
        hotspot_login_hosts=read.words("HOTSPOT_LOGIN_HOSTS", "hotspot.lan"),
        hotspot_walled_garden=read.words("HOTSPOT_WALLED_GARDEN", "lynk.id,*.lynk.id"),
        otp_sender=read.choice("OTP_SENDER", "log", ("log", "http")),
        otp_ttl_seconds=read.whole("OTP_TTL_SECONDS", 300, 30, 3_600),
        otp_http_url=read.url("OTP_HTTP_URL", "https://api.fonnte.com/send", ("http", "https")),
        otp_http_token=read.text("OTP_HTTP_TOKEN", ""),
        otp_http_method=read.choice("OTP_HTTP_METHOD", "POST", ("POST", "PUT", "GET")),
        otp_http_headers=read.text("OTP_HTTP_HEADERS", FONNTE_HEADERS),
        otp_http_body=read.text("OTP_HTTP_BODY", FONNTE_BODY),
        otp_http_success=read.text("OTP_HTTP_SUCCESS", "status=true"),
    )


class _Reader:
    """Typed access to the environment; an empty value counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name, "").strip() or default

    def beside(self, name: str, other: str) -> str:
        """A text that means nothing without the other one."""
        value = self.text(name, "")
        if not value and self.text(other, ""):
            raise SettingsError(f"{name} is not set: {other} needs it")
        return value

    def understood(self, name: str, default: str, reader: Callable[[str], str]) -> str:
        """A text as `reader` gives it back; a ValueError of that says what it takes."""
        value = self.text(name, default)
        try:
            return reader(value) if value else ""
        except ValueError as error:
            raise SettingsError(f"{name}: {error}") from None

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} is {value!r}: it must be one of {', '.join(allowed)}")
        return value

    def words(self, name: str, default: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in self.text(name, default).split(",") if word.strip())

    def phones(self, name: str) -> tuple[str, ...]:
        """Indonesian mobile numbers, in any form, as `628…`."""
        words = self.words(name, "")
        for word in words:
            if normal_phone(word) is None:
                raise SettingsError(f"{name} has {word!r}: it takes numbers, as 081234567890")
        return tuple(str(normal_phone(word)) for word in words)

    def networks(self, name: str, default: str) -> tuple[str, ...]:
        words = self.words(name, default)
        for word in words:
            try:
                ip_network(word, strict=False)
            except ValueError:
                raise SettingsError(
                    f"{name} has {word!r}: it takes networks, as 10.5.50.0/24"
                ) from None
        return words

    def choices(self, name: str, default: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
        words = self.words(name, default)
        for word in words:
            if word not in allowed:
                raise SettingsError(f"{name} has {word!r}: it takes {', '.join(allowed)}")
        return words

    def flag(self, name: str, default: bool) -> bool:
        value = self.text(name, "1" if default else "0").lower()
        if value in ("1", "true", "yes", "on"):
            return True
        if value in ("0", "false", "no", "off"):
            return False
        raise SettingsError(f"{name} is {value!r}: it must be 1 or 0")

    def whole(self, name: str, default: int, least: int, most: int | None = None) -> int:
        return int(self._bounded(name, default, int, "a whole number", least, most))

    def number(self, name: str, default: float, least: float, most: float) -> float:
        return float(self._bounded(name, default, float, "a number", least, most))

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if not value:
            return ""
        try:
            parts = urlsplit(value)
            needs_host = ("http", "https", "smtp", "smtps")
            lacks_host = not parts.hostname and parts.scheme in needs_host
            is_odd = lacks_host or parts.port == 0
        except ValueError:  # a bracket without its other half, a port that is no number
            is_odd = True
        # the value itself may hold a password, so it is not shown
        if is_odd or parts.scheme not in schemes:
            begin = " or ".join(f"{scheme}://" for scheme in schemes)
            raise SettingsError(f"{name} must begin with {begin} and be a whole address")
        return value.rstrip("/") if name == "PUBLIC_URL" else value

    def redis(self, name: str, default: str) -> str:
        """A server's address, or Sentinels' (store.redis_servers)."""
        value = self.text(name, default)
        try:
            return value if read_sentinels(value) else self.url(name, default, SCHEMES)
        except ValueError as error:  # its text shows no password
            raise SettingsError(f"{name}: {error}") from None

    def _bounded(
        self,
        name: str,
        default: float,
        convert: Callable[[str], float],
        kind: str,
        least: float,
        most: float | None,
    ) -> float:
        text = self.text(name, str(default))
        try:
            value = convert(text)
        except ValueError:
            raise SettingsError(f"{name} is {text!r}: it must be {kind}") from None
        if not (least <= value and (most is None or value <= most)):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            raise SettingsError(f"{name} is {text}: it must be {kind}, {bounds}")
        return value


def _secret_key(read: _Reader, env: str) -> str:
    key = read.text("SECRET_KEY", "")
    if env != "production":
        return key or secrets.token_urlsafe(32)
    if len(key) < 16:
        raise SettingsError("SECRET_KEY must be set to at least 16 characters in production")
    if len(set(key)) < LEAST_LETTERS:
        raise SettingsError("SECRET_KEY repeats itself: take one of `openssl rand -base64 32`")
    return key


def _admin_password(read: _Reader, env: str) -> str:
    password = read.beside("ADMIN_PASSWORD", "ADMIN_EMAIL")
    is_weak = bool(password) and bool(weakness(password, read.text("ADMIN_EMAIL", "")))
    if is_weak and env == "production":
        raise SettingsError(
            "ADMIN_PASSWORD is too weak: 8 characters at least, nothing that many people choose, "
            "not the admin's own e-mail"
        )
    return password


def _metrics_token(read: _Reader) -> str:
    token = read.text("METRICS_TOKEN", "")
    if token and len(token) < 16:
        raise SettingsError("METRICS_TOKEN must have at least 16 characters")
    return token


def _routers(read: _Reader) -> tuple[Router, ...]:
    try:
        return read_routers(
            read.words("MIKROTIK_ROUTERS", ""),
            username=read.text("MIKROTIK_USERNAME", "admin"),
            password=read.text("MIKROTIK_PASSWORD", ""),
            ca=read.text("MIKROTIK_CA", ""),
        )
    except ValueError as error:  # its text shows no password
        raise SettingsError(f"MIKROTIK_ROUTERS: {error}") from None


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


def _timezone(read: _Reader) -> str:
    name = read.text("TIMEZONE", "Asia/Jakarta")
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise SettingsError(
            f"TIMEZONE is {name!r}: it must be an IANA name, as Asia/Jakarta"
        ) from None
    return name


def _origin(url: str) -> str:
    """As a browser writes it: without the port that goes without saying."""
    parts = urlsplit(url)
    usual = {"http": ":80", "https": ":443"}[parts.scheme]
    return f"{parts.scheme}://{parts.netloc}".lower().removesuffix(usual)


def _connections_that_fit() -> int:
    """How many connections the descriptor limit allows, with room for Redis, Postgres and files.

    The hard limit counts: the server raises its own up to it.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return 100_000
    return max(hard - 256, 16)


SETTING_NAMES = tuple(field.name.upper() for field in fields(Settings))
"""The environment's names, in the order of the documentation."""
