"""The write side of an open connection, as everybody else sees it; two kinds keep this contract.

`epoll_wire` keeps a bare file descriptor, and nothing of Tornado's: what an idle connection costs.
`stream_wire` keeps Tornado's IOStream, for what cannot be kept that way (TLS in this process,
systems without epoll). `upgrade.wire_of` chooses.
"""

from __future__ import annotations

from typing import Protocol

READ_BYTES = 16_384
"""Read at once: four of the largest messages a tab may send."""

OLDEST_UNSENT_SECONDS = 10.0
"""A client that has not taken a byte for so long is slow, however little it owes."""

LINGER_SECONDS = 2.0
"""How long a peer may take to read our last word. Closing earlier, with bytes of its own unread,
would make the kernel reset the connection and take that word back."""


class Listener(Protocol):
    """Who is told what happens on a wire."""

    def received(self, data: bytes) -> None:
        """Bytes came from the peer."""

    def lost(self) -> None:
        """The peer is gone; the wire is closed already."""

    def overrun(self) -> None:
        """The peer does not read: more is unsent than may be, or for too long."""


class Wire(Protocol):
    """One connection, written to without waiting."""

    def send(self, data: bytes) -> bool:
        """Write, or keep for later within the bound. False when the wire is closed or overrun."""

    def finish(self, last: bytes = b"") -> None:
        """Write the last bytes, then close in an orderly way; the listener hears no more."""

    def abort(self) -> None:
        """Close now; the listener hears no more."""

    @property
    def is_stuck(self) -> bool:
        """Whether something has been unsent for OLDEST_UNSENT_SECONDS."""
