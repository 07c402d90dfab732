"""Failures that have a name: the status, type and Indonesian message that the client sees of each.

No other module defines one.

JagaError                     status type
 ├── InvalidRequest            400    INVALID_REQUEST      (names the field)
 │    ├── InvalidDevice        400    INVALID_DEVICE_ID
 │    ├── NoHttp               400    INVALID_REQUEST      (bytes that are no request)
 │    ├── UnreadableList       400    INVALID_REQUEST      (says what to do)
 │    └── WeakPassword         400    WEAK_PASSWORD        (says why)
 ├── CurrentDevice             400    CURRENT_DEVICE
 ├── Unauthenticated           401    UNAUTHENTICATED
 │    ├── WrongPassword        401    INVALID_CREDENTIALS
 │    ├── WrongCode            401    INVALID_OTP
 │    ├── WrongSignature       401    INVALID_SIGNATURE
 │    ├── SessionEnded         401    SESSION_REPLACED | SESSION_REVOKED | ACCOUNT_BLOCKED
 │    └── SessionExpired       419    SESSION_EXPIRED      (reason idle|absolute|remember)
 ├── Forbidden                 403    FORBIDDEN
 │    ├── CrossOrigin          403    CROSS_ORIGIN
 │    ├── PasswordChangeNeeded 403    PASSWORD_CHANGE_REQUIRED
 │    ├── NotApproved          403    NOT_APPROVED         (the way to the waiting page)
 │    ├── PasswordNeeded       403    PASSWORD_NEEDED
 │    ├── LicenceNeeded        403    LICENCE_NEEDED
 │    ├── LoginRefused         403    LOGIN_REFUSED
 │    ├── PrimaryDevice        403    PRIMARY_DEVICE
 │    ├── NotScanner           403    NOT_SCANNER
 │    ├── WrongNumber          403    WRONG_NUMBER
 │    └── AttendanceClosed     403    MEETING_INACTIVE | MEETING_ENDED | MEETING_NOT_STARTED |
 │                                    PRESENCE_REQUIRED | NOT_LISTED
 ├── NotFound                  404    NOT_FOUND
 │    ├── MeetingNotFound      404    MEETING_NOT_FOUND
 │    ├── LinkOver             404    NOT_FOUND            (used, too old, unknown: one answer)
 │    └── LicenceUnknown       404    LICENSE_NOT_FOUND    (also a disabled one)
 ├── WrongMethod               405    METHOD_NOT_ALLOWED
 ├── BodyTooLarge              413    TOO_LARGE
 ├── NoBodyTaken               415    NO_BODY_TAKEN
 ├── UnknownEncoding           415    UNSUPPORTED_ENCODING
 ├── Conflict                  409    CONFLICT
 │    ├── SessionConflict      409    SESSION_CONFLICT
 │    ├── LoginSuperseded      409    LOGIN_SUPERSEDED
 │    ├── MemberExists         409    MEMBER_EXISTS
 │    ├── LicenceInUse         409    LICENSE_IN_USE
 │    ├── StackFull            409    CONFLICT             (too many packages wait)
 │    ├── QrState              409    QR_STATE             (state)
 │    └── AttendanceDuplicate  409    COOKIE_DUPLICATE | USER_DUPLICATE | DEVICE_DUPLICATE
 ├── QrExpired                 410    QR_EXPIRED
 ├── HandoverOver              410    HANDOVER_OVER        (used, too old, unknown: one answer)
 ├── RateLimited               429    RATE_LIMIT           (retry_after)
 ├── OtherVersion              426    UPGRADE_REQUIRED
 ├── HeadTooLarge              431    TOO_LARGE
 ├── Failed                    500    INTERNAL             (a fault of ours)
 └── Unavailable               503    UNAVAILABLE          (retry_after)
      ├── Crowded              503    UNAVAILABLE          (strangers ask too much at once)
      ├── NoRoom               503    UNAVAILABLE          (as many connections as may be)
      ├── NothingKept          503    UNAVAILABLE          (a delivery must come again)
      └── NotKept              503    UNAVAILABLE          (done, and not known to last)
"""

from __future__ import annotations

from typing import Any, ClassVar

from store.ends import REASONS

WAITING_PAGE = "/hotspot"
"""Where a member waits for approval: the page turns by itself when it comes (CONTRACT §9)."""


class JagaError(Exception):
    """Anything that is answered with a status and the JSON body of CONTRACT §3."""

    status: ClassVar[int] = 400
    type: str = "ERROR"
    message: str = "Permintaan tidak dapat diproses."
    retry_after: int | None = None

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)
        if message:
            self.message = message

    def body(self) -> dict[str, Any]:
        """Return the JSON body that the client sees."""
        return {"success": False, "type": self.type, "message": self.message}


class InvalidRequest(JagaError):
    """Something malformed; `field` names it."""

    type = "INVALID_REQUEST"

    def __init__(self, field: str, message: str | None = None) -> None:
        super().__init__(message or f"Isian '{field}' tidak valid.")
        self.field = field

    def body(self) -> dict[str, Any]:
        return super().body() | {"field": self.field}


class WeakPassword(InvalidRequest):
    """A password that may not be set; the message says why."""

    type = "WEAK_PASSWORD"

    def __init__(self, reason: str, field: str = "password") -> None:
        super().__init__(field, reason)


class UnreadableList(InvalidRequest):
    """A list that is not understood; its message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__("file", message)


class Unauthenticated(JagaError):
    """Nobody is logged in here."""

    status = 401
    type = "UNAUTHENTICATED"
    message = "Anda belum login. Silakan login terlebih dahulu."


class WrongPassword(Unauthenticated):
    """Unknown member or wrong password: one answer for both."""

    type = "INVALID_CREDENTIALS"
    message = "Username atau Password salah."

    def body(self) -> dict[str, Any]:
        return super().body() | {"status": "invalid"}


class WrongCode(Unauthenticated):
    """A login code that is wrong, used, or too old: one answer for all."""

    type = "INVALID_OTP"
    message = "Kode salah atau sudah kedaluwarsa. Minta kode baru bila perlu."


class WrongSignature(Unauthenticated):
    """Whoever sent this could not prove to be Lynk.id."""

    type = "INVALID_SIGNATURE"
    message = "Tanda tangan webhook tidak valid."


class SessionEnded(Unauthenticated):
    """The session was ended by somebody: another login, its owner, an admin.

    `ended` is the tombstone's public part: reason, kick_id, at, by, same_browser.
    """

    def __init__(self, ended: dict[str, Any]) -> None:
        self.ended = ended
        self.reason: str = ended["reason"]
        self.type = _ENDED_TYPES.get(self.reason, "SESSION_REVOKED")
        super().__init__(REASONS.get(self.reason, "Session dihentikan"))

    def body(self) -> dict[str, Any]:
        extra = {"force_logout": True, "reason": self.reason, "redirect": "/login"}
        return super().body() | extra


_ENDED_TYPES = {
    "replaced": "SESSION_REPLACED",
    "blocked": "ACCOUNT_BLOCKED",
    "inactive": "ACCOUNT_BLOCKED",
    "deleted": "ACCOUNT_BLOCKED",
}


class SessionExpired(Unauthenticated):
    """A clock ran out: idle, absolute or remember. 419 means this and nothing else."""

    status = 419
    type = "SESSION_EXPIRED"
    message = "Session Anda telah berakhir. Silakan login kembali."

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def body(self) -> dict[str, Any]:
        return super().body() | {"reason": self.reason, "redirect": "/login"}


class AccountBlocked(SessionEnded):
    """The member may not log in: blocked, or not active."""

    def __init__(self, reason: str) -> None:
        super().__init__({"reason": reason})


class Forbidden(JagaError):
    """Logged in, and not allowed."""

    status = 403
    type = "FORBIDDEN"
    message = "Anda tidak memiliki izin untuk ini."


class CrossOrigin(Forbidden):
    """The request was sent by a page that is not ours."""

    type = "CROSS_ORIGIN"
    message = "Permintaan dari situs lain ditolak."


class LicenceNeeded(Forbidden):
    """Logged in, and without an active licence for the product."""

    type = "LICENCE_NEEDED"
    message = "Anda belum memiliki lisensi yang aktif untuk produk ini."


class PasswordChangeNeeded(Forbidden):
    """A first login: the password has to be changed before anything else."""

    type = "PASSWORD_CHANGE_REQUIRED"
    message = "Ganti password Anda terlebih dahulu."

    def body(self) -> dict[str, Any]:
        return super().body() | {"redirect": "/password"}


class NotApproved(Forbidden):
    """Proven by phone, and approved by nobody yet: only the portal has a place for them."""

    type = "NOT_APPROVED"
    message = "Nomor Anda belum disetujui pengelola. Tunggu di halaman hotspot."

    def body(self) -> dict[str, Any]:
        return super().body() | {"waiting": WAITING_PAGE, "redirect": WAITING_PAGE}


class PasswordNeeded(Forbidden):
    """A code by phone opens a member's session, never that of somebody with a role."""

    type = "PASSWORD_NEEDED"
    message = "Akun ini hanya bisa masuk dengan password."


class LoginRefused(Forbidden):
    """The live device has just said no to this login."""

    type = "LOGIN_REFUSED"
    message = "Login ditolak dari perangkat yang sedang aktif."

    def body(self) -> dict[str, Any]:
        return super().body() | {"status": "refused"}


class CurrentDevice(JagaError):
    """The device that asks is not ended from the list of devices."""

    type = "CURRENT_DEVICE"
    message = "Ini perangkat yang sedang Anda pakai. Gunakan menu Logout."


class PrimaryDevice(Forbidden):
    """A browser may not put the primary phone out."""

    type = "PRIMARY_DEVICE"
    message = "Perangkat utama hanya bisa dihentikan dari ponsel."


class NotScanner(Forbidden):
    """Another session scanned this code; only that one decides."""

    type = "NOT_SCANNER"
    message = "Kode ini dipindai oleh perangkat lain."


class WrongNumber(Forbidden):
    """The number chosen on the phone is not the one on the screen; the request is over."""

    type = "WRONG_NUMBER"
    message = "Angkanya tidak sama. Permintaan login ini ditolak."


class NotFound(JagaError):
    """Unknown, or somebody else's: the same answer."""

    status = 404
    type = "NOT_FOUND"
    message = "Tidak ditemukan."


class LinkOver(NotFound):
    """A mailed link that sets no password any more, or never did."""

    message = "Tautan ini sudah tidak berlaku. Pakai tautan di email terbaru, atau minta yang baru."


class WrongMethod(JagaError):
    """The address is there, the method is not."""

    status = 405
    type = "METHOD_NOT_ALLOWED"
    message = "Metode ini tidak didukung di alamat ini."

    def __init__(self, allowed: str = "GET") -> None:
        super().__init__()
        self.allowed = allowed


class OtherVersion(JagaError):
    """A WebSocket of another version than the one we speak (RFC 6455 §4.4)."""

    status = 426
    type = "UPGRADE_REQUIRED"
    message = "Alamat ini hanya untuk WebSocket versi 13."


class BodyTooLarge(JagaError):
    """A body larger than its address takes; CONTRACT §3 has the largest."""

    status = 413
    type = "TOO_LARGE"

    def __init__(self, most: int = 256 * 1024) -> None:
        super().__init__(f"Isi permintaan terlalu besar (maksimal {most // 1024} KiB).")


class HeadTooLarge(JagaError):
    """A request line or headers beyond 32 KiB (realtime.transport.refusal)."""

    status = 431
    type = "TOO_LARGE"
    message = "Alamat atau header permintaan terlalu besar (maksimal 32 KiB)."


class NoHttp(InvalidRequest):
    """Bytes that are no request."""

    def __init__(self) -> None:
        super().__init__("request", "Permintaan ini tidak terbaca sebagai HTTP.")


class NoBodyTaken(JagaError):
    """The address reads no body."""

    status = 415
    type = "NO_BODY_TAKEN"
    message = "Alamat ini tidak menerima isi permintaan."


class UnknownEncoding(JagaError):
    """A body that is packed in a way which is not unpacked here."""

    status = 415
    type = "UNSUPPORTED_ENCODING"
    message = "Content-Encoding yang didukung: gzip dan deflate."


class Conflict(JagaError):
    """The state is not what the request takes it to be."""

    status = 409
    type = "CONFLICT"
    message = "Keadaan sudah berubah. Muat ulang lalu coba lagi."


class SessionConflict(Conflict):
    """Another device holds the web session and nobody said `keep`."""

    type = "SESSION_CONFLICT"
    message = "Akun ini sedang aktif di perangkat lain."

    def body(self) -> dict[str, Any]:
        return super().body() | {"status": "beda", "valid": False}


class LoginSuperseded(Conflict):
    """A later login took the place while this one was waiting."""

    type = "LOGIN_SUPERSEDED"
    message = "Login ini didahului oleh login lain. Silakan coba lagi."

    def body(self) -> dict[str, Any]:
        return super().body() | {"status": "superseded"}


class MemberExists(Conflict):
    """The e-mail or username belongs to a member already."""

    type = "MEMBER_EXISTS"
    message = "Email atau username sudah terdaftar."


class QrState(Conflict):
    """The request for a login is in another state than this act takes."""

    type = "QR_STATE"
    message = "Permintaan login ini sudah dijawab atau belum dipindai."

    def __init__(self, state: str) -> None:
        super().__init__()
        self.state = state

    def body(self) -> dict[str, Any]:
        return super().body() | {"state": self.state}


class QrExpired(JagaError):
    """The time of a request for a login is over."""

    status = 410
    type = "QR_EXPIRED"
    message = "QR code sudah kadaluarsa"


class HandoverOver(JagaError):
    """A link to another browser that leads nowhere: used, too old, unknown, its session ended."""

    status = 410
    type = "HANDOVER_OVER"
    message = (
        "Tautan ini sudah dipakai atau sudah kedaluwarsa. "
        "Buat tautan baru di halaman masuk hotspot, atau masuk lagi di sini."
    )


class RateLimited(JagaError):
    """Too many; come back in `retry_after` seconds."""

    status = 429
    type = "RATE_LIMIT"
    message = "Terlalu banyak percobaan. Tunggu beberapa saat."

    def __init__(self, retry_after: float) -> None:
        super().__init__()
        self.retry_after = max(1, round(retry_after + 0.5))

    def body(self) -> dict[str, Any]:
        return super().body() | {"retry_after": self.retry_after}


class Failed(JagaError):
    """Something of ours broke; the log has it."""

    status = 500
    type = "INTERNAL"
    message = "Ada yang salah di sisi kami. Coba lagi sebentar."


class Unavailable(JagaError):
    """Something we need is away: nobody is let in, and nothing is claimed to be done."""

    status = 503
    type = "UNAVAILABLE"
    message = "Layanan sedang sibuk atau terputus. Coba lagi sebentar."
    retry_after = 2


class NoRoom(Unavailable):
    """A server process has as many live connections as it may have."""

    message = "Server sedang penuh. Coba lagi sebentar."
    retry_after = 5


class NothingKept(Unavailable):
    """No tier could keep a delivery: the one case in which a genuine one is not answered 200."""

    retry_after = 30


class NotKept(Unavailable):
    """It was done, and nothing has said in time that it will last (DURABILITY): asked again, it is
    answered when it is kept."""


class Crowded(Unavailable):
    """Too many strangers ask at once for the next one to be served in time."""

    message = "Sedang sangat ramai. Coba lagi sebentar."
    retry_after = 1


class MeetingNotFound(NotFound):
    """No such meeting, or another teacher's."""

    type = "MEETING_NOT_FOUND"
    message = "Meeting tidak ditemukan"


class AttendanceClosed(Forbidden):
    """The meeting takes no attendance of this student now; `type` says why."""

    def __init__(self, type: str) -> None:
        self.type = type
        super().__init__(_CLOSED[type])


_CLOSED = {
    "MEETING_INACTIVE": "Meeting tidak aktif. Tidak dapat mengisi absensi.",
    "MEETING_ENDED": "Meeting sudah selesai. Tidak dapat mengisi absensi.",
    "MEETING_NOT_STARTED": "Meeting belum dimulai. Silakan tunggu hingga waktu mulai.",
    "PRESENCE_REQUIRED": "Pindai kode QR yang sedang tampil di layar, lalu kirim lagi.",
    "NOT_LISTED": "Nama dan kelas ini tidak ada di daftar peserta. Periksa ejaannya.",
}


class AttendanceDuplicate(Conflict):
    """Attendance was filled already, by this student or from this device.

    `winner` is the student whom the device stands for, None when that is not known any more.
    """

    def __init__(self, type: str, winner: tuple[str, str] | None = None) -> None:
        self.type = type
        if type == "USER_DUPLICATE":
            text = "Anda sudah mengisi absensi untuk meeting ini hari ini"
        else:
            by = f" oleh {winner[0]} ({winner[1]})" if winner else ""
            text = f"Device sudah digunakan{by}"
        super().__init__(text)


class InvalidDevice(InvalidRequest):
    """The device names itself in no way that we know."""

    type = "INVALID_DEVICE_ID"

    def __init__(self) -> None:
        super().__init__("deviceId", "Device ID tidak valid")


class LicenceUnknown(NotFound):
    """No such licence, or a disabled one: the same answer, so that nobody learns which exist."""

    type = "LICENSE_NOT_FOUND"
    message = "Lisensi tidak ditemukan atau tidak aktif."


class StackFull(Conflict):
    """As many purchases wait as are kept of one member."""

    message = "Masih terlalu banyak paket yang belum terpakai. Tunggu sampai ada yang habis."


class LicenceInUse(Conflict):
    """Another device holds the licence, and keeps it."""

    type = "LICENSE_IN_USE"
    message = "Lisensi ini sedang dipakai di perangkat lain."


def of_status(status: int) -> JagaError:
    """Return the error that stands for an HTTP status which nobody gave a name."""
    if status == 404:
        return NotFound()
    if status == 405:
        return WrongMethod()
    if 400 <= status < 500:
        return InvalidRequest("body", "Permintaan tidak valid.")
    return Failed()
