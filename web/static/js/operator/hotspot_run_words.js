// @ts-check
/**
 * How a router pass went, in Indonesian. Pure: data in, words out. The engine speaks English to its
 * log; what is not known here is shown as it came.
 */

import { decimal } from "../lib/sizes.js";

/** @type {Record<string, string>} */
export const RUN_STATES = {
  unknown: "Belum pernah dihubungi",
  done: "Selesai",
  away: "Router tidak terjangkau",
  back: "Terjangkau lagi, sedang disusulkan",
  refused: "Ditolak router",
  busy: "Sedang ada yang berjalan",
  overtaken: "Diambil alih proses lain",
  yielded: "Memberi jalan dulu, segera dilanjutkan",
};

/**
 * @typedef {object} Run
 * @property {string} id
 * @property {string} router
 * @property {string} only the member it was for, "" for everybody
 * @property {string} [name] of that member
 * @property {string} state
 * @property {number} at
 * @property {number} took_ms
 * @property {number} members
 * @property {number} prints
 * @property {number} writes
 * @property {number} pending
 * @property {string[]} errors
 * @property {Record<string, string>} conflicts the first of them
 * @property {number} [conflict_count] how many there were; runs of before kept all
 */

/** @param {number} ms */
export function tookWords(ms) {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${decimal(ms / 1_000)} detik`;
}

/** @type {[RegExp, string][]} */
const TROUBLES = [
  [/profiles missing on the router: (.+)$/, "Profil ini belum ada di router: $1."],
  [/asks a RADIUS server/, "Hotspot di router memakai RADIUS, jadi pengaturan kami diabaikan. Matikan use-radius."],
  [/^(\d+) unknown members on the router/, "$1 anggota di router tidak kami kenal. Dibiarkan dulu, mohon diperiksa."],
  [/certificate is not valid yet/, "Sertifikat router belum berlaku. Cocokkan jam router dan server."],
  [/certificate has expired/, "Sertifikat router sudah kedaluwarsa."],
  [/certificate is for another/, "Sertifikat router bukan untuk alamat ini."],
  [/certificate is not trusted/, "Sertifikat router tidak dipercaya. Periksa MIKROTIK_CA."],
  [/MIKROTIK_CA holds no certificate/, "MIKROTIK_CA tidak berisi sertifikat."],
  [/has api-ssl a certificate/, "Router menolak TLS. Apakah api-ssl sudah diberi sertifikat?"],
  [/closed before a word/, "Router menutup sambungan: alamat kami belum diizinkan, sesinya penuh, atau port itu untuk TLS."],
  [/too many sessions/, "Router menolak: sesinya penuh. Tutup sesi API yang tidak dipakai."],
  [/no TLS/, "Port itu tidak memakai TLS. Pakai api://, atau hidupkan api-ssl."],
  [/TLS is spoken there/, "Port itu untuk TLS. Pakai api-ssl://."],
  [/too long|timed out|timeout|silent/i, "Router tidak menjawab tepat waktu."],
  [/refused$|ConnectionRefused/i, "Router menolak sambungan. Apakah layanan API-nya hidup?"],
  [/Name or service not known|gaierror|name resolution|nodename/i, "Nama alamat router tidak ditemukan."],
  [/not reached|closed the connection|Connection reset|ConnectionReset|BrokenPipe/i, "Router tidak terjangkau."],
  [/invalid user name or password|cannot log in|invalid username or password/i, "User atau password router salah."],
  [/not enough permissions/i, "User di router tidak punya izin menulis."],
  [/^[0-9a-f]{16} (\S+): (.+)$/, "Satu perubahan ditolak router ($1): $2"],
  [/the router ended it: (.+)$/, "Router memutus sambungan: $1"],
  [/^TLS: (.+)$/, "TLS dengan router gagal: $1"],
];

/** @param {string} error as a run has it */
export function troubleWords(error) {
  for (const [pattern, words] of TROUBLES) {
    const found = pattern.exec(error);
    if (found) return words.replace("$1", found[1] ?? "").replace("$2", found[2] ?? "");
  }
  return `Pesan router: ${error}`;
}

/**
 * @param {Run} run
 * @returns {string[]} what went wrong, each thing once
 */
export function troublesOf(run) {
  const taken = run.conflict_count ?? Object.keys(run.conflicts).length;
  const words = run.errors.map(troubleWords);
  if (taken) words.push(`${taken} anggota bentrok dengan isi router milik orang lain.`);
  return [...new Set(words)];
}

/**
 * @param {Pick<Run, "state" | "pending" | "writes" | "took_ms">} run
 * @returns {string} one line of what a run came to
 */
export function runWords(run) {
  if (run.state !== "done") return RUN_STATES[run.state] ?? run.state;
  const waits = run.pending ? `, ${run.pending} masih menunggu` : "";
  return `${run.writes ? `${run.writes} perubahan` : "sudah sesuai"}${waits} (${tookWords(run.took_ms)})`;
}
