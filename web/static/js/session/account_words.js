// @ts-check
/** What was done to an account, in the words its member reads. Pure. */

/** @typedef {{act: string, who: "self" | "staff" | "stranger", at: number, ip: string}} Deed */

/** @type {Record<string, string>} */
const DEEDS = {
  "password.change": "Password diganti",
  "email.change": "Email diganti",
  "phone.change": "Nomor HP diganti",
  "member.change": "Data akun diubah",
  "member.create": "Akun dibuat",
  "member.import": "Akun diimpor",
  "member.role": "Peran diubah",
  "member.block": "Akun diblokir",
  "member.unblock": "Blokir dibuka",
  "member.deactivate": "Akun dinonaktifkan",
  "member.activate": "Akun diaktifkan",
  "member.force-logout": "Semua sesi diakhiri",
  "member.deletion-asked": "Minta akun dihapus",
  "member.deletion-withdrawn": "Permintaan hapus dibatalkan",
  "login.refused": "Percobaan masuk dengan password salah",
  "login.locked": "Terlalu banyak password salah",
  "otp.refused": "Percobaan masuk dengan kode salah",
  "otp.locked": "Terlalu banyak kode salah",
  "qr.refused": "Login dengan kode QR ditolak",
  "package.give": "Paket hotspot ditambahkan",
  "package.remove": "Paket hotspot dihapus",
  "hotspot.approve": "Akses hotspot disetujui",
};

/**
 * @param {Deed} deed
 * @returns {string}
 */
export function deedInWords({ act, who }) {
  const what = DEEDS[act] ?? "Data akun diubah";
  return who === "staff" ? `${what} (oleh pengelola)` : what;
}

/**
 * Whether the member has asked to be deleted and not taken it back.
 *
 * @param {Deed[]} deeds the newest first
 * @returns {boolean}
 */
export function isDeletionAsked(deeds) {
  const newest = deeds.find(({ act }) => act.startsWith("member.deletion-"));
  return newest?.act === "member.deletion-asked";
}
