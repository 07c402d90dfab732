"""Why sessions end: every reason there is, in the words that tabs show."""

from __future__ import annotations

REASONS = {
    "replaced": "Session digantikan oleh login baru",
    "logged_out": "Session dihentikan oleh pengguna",
    "device_ended": "Session dihentikan oleh pengguna",
    "all_web_ended": "Semua sesi web dihentikan",
    "admin": "Session dihentikan oleh admin",
    "blocked": "Akun diblokir",
    "inactive": "Akun dinonaktifkan",
    "deleted": "Akun dihapus",
    "idle": "Session kedaluwarsa",
    "absolute": "Session kedaluwarsa",
    "remember": "Session kedaluwarsa",
    "token_reuse": "Session dihentikan karena token dipakai ulang",
    "password_changed": "Session dihentikan karena password diganti",
    "merged": "Nomor ini sekarang milik akun anggota. Masuk lagi dengan kode",
    "not_me": "Session dihentikan: login ini dilaporkan bukan oleh pemilik akun",
}
"""Why a session ended, in the words its tabs show (CONTRACT §6)."""

EXPIRY_REASONS = frozenset({"idle", "absolute", "remember"})
"""The ends that are a clock's doing: 419 and 4519 instead of 401 and 4501."""
