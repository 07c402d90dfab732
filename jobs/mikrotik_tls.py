"""TLS to a router: whose certificates are believed, and in words why a handshake came to nothing.

A router's certificate is mostly one that the operator made on the router itself, so MIKROTIK_CA
names whom to believe; without it the system's authorities are. The name or address that we
connect to has to be in the certificate either way.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

_REASONS: Mapping[int, str] = {
    9: "its certificate is not valid yet: are both clocks right?",
    10: "its certificate has expired",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
"""By OpenSSL's verify code; whatever else is wrong, the certificate is not trusted."""

_NOT_TLS = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "HTTP_REQUEST",
        "UNKNOWN_PROTOCOL",
        "PACKET_LENGTH_TOO_LONG",
        "BAD_RECORD_TYPE",
        "RECORD_LAYER_FAILURE",
    }
)
"""What OpenSSL, by its version, calls an answer that is no TLS record."""

_NOTHING_IN_COMMON = frozenset({"SSLV3_ALERT_HANDSHAKE_FAILURE", "NO_SHARED_CIPHER"})


class TlsFailed(Exception):
    """No TLS came about; the text says why."""


def encrypt(connection: socket.socket, host: str, ca: str, seconds: float) -> ssl.SSLSocket:
    """Return the connection with TLS on it, once `host` has shown who it is.

    `ca` is PEM text, a path to it, or empty for the system's authorities; the file is read here,
    in the calling thread. The handshake is over after `seconds`, however slowly its bytes come.
    Raises TlsFailed, and the connection is closed then.
    """
    try:
        wrapped = _context(ca).wrap_socket(
            connection, server_hostname=host, do_handshake_on_connect=False
        )
    except BaseException:
        connection.close()
        raise
    try:
        wrapped.settimeout(seconds)
        wrapped.do_handshake()
    except (OSError, ValueError) as error:
        wrapped.close()
        raise TlsFailed(_reason(error)) from None
    return wrapped


def ends_at(connection: socket.socket) -> float | None:
    """When the certificate that was shown ends, in Unix seconds; None without TLS."""
    if not isinstance(connection, ssl.SSLSocket):
        return None
    shown = connection.getpeercert() or {}
    end = shown.get("notAfter")
    return ssl.cert_time_to_seconds(end) if isinstance(end, str) else None


def _context(ca: str) -> ssl.SSLContext:
    try:
        if not ca:
            context = ssl.create_default_context()
        elif "-----BEGIN" in ca:
            # a variable that was set through a file has its line ends as two characters
            context = ssl.create_default_context(cadata=ca.replace("\\n", "\n"))
        else:
            context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise TlsFailed("MIKROTIK_CA holds no certificate") from None
    except (OSError, ValueError) as error:
        raise TlsFailed(f"MIKROTIK_CA is not readable: {type(error).__name__}") from None
    # Python 3.13 began to ask for extensions that certificates made on a router lack.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # So MIKROTIK_CA may be the router's own certificate, whoever signed it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _REASONS.get(error.verify_code)
        return known or f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "the handshake took too long: is that an api-ssl port?"
    if isinstance(error, ssl.SSLEOFError | ConnectionError):
        return "closed in the handshake: no TLS is spoken there, or it does not take us"
    reason = getattr(error, "reason", None) or type(error).__name__
    if reason in _NOT_TLS:
        return "no TLS is spoken there"
    if reason in _NOTHING_IN_COMMON:
        return "it refused the handshake: has api-ssl a certificate?"
    return f"the handshake failed: {reason}"
