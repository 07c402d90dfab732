// @ts-check
/**
 * What the hotspot's operator reads: statuses, sizes, reasons and troubles in Indonesian. Pure: data
 * in, words out. The engine speaks English to its log; what is not known here is shown as it came.
 */

import { decimal, megabytes, sizeOf } from "../lib/sizes.js";

/** @type {Record<string, string>} in the order of the bar, from well to ill */
export const STATUSES = {
  aktif: "Aktif",
  unlimited: "Tanpa batas",
  fup: "Pelan (FUP)",
  habis: "Kuota habis",
  expired: "Masa aktif habis",
  inactive: "Belum aktif",
  blocked: "Diblokir",
};

/** @type {Record<string, string>} */
export const RUN_STATES = {
  unknown: "Belum pernah dihubungi",
  done: "Selesai",
  away: "Router tidak terjangkau",
  refused: "Ditolak router",
  busy: "Sedang ada yang berjalan",
  overtaken: "Diambil alih proses lain",
  yielded: "Memberi jalan dulu, segera dilanjutkan",
};

/**
 * @typedef {object} Row an account as `/api/admin/hotspot/members` has it; bytes, unix seconds
 * @property {string} id
 * @property {string} name
 * @property {string} account `active`, `inactive` or `blocked`: the member's own row
 * @property {boolean} leaving
 * @property {string} phone
 * @property {string} status
 * @property {boolean} pending
 * @property {string[]} [pending_on] names of the routers that do not agree yet
 * @property {boolean} approved
 * @property {string} package
 * @property {boolean} unlimited
 * @property {number} purchased_bytes
 * @property {number} used_bytes
 * @property {number | null} expires_at
 * @property {Turn[]} [packages] all that are not over, in the order of use
 * @property {{id: string, mac: string, name: string, seen_at: number}[]} devices
 */

/**
 * @typedef {object} Turn a package that a member has, and when it is its turn; bytes, unix seconds
 * @property {string} id `preview` for one that is not given yet
 * @property {string} package
 * @property {string} state `in_use`, `next`, `unused` or `spent`
 * @property {boolean} unlimited
 * @property {number} remaining_bytes
 * @property {number | null} begins_at
 * @property {number | null} expires_at
 */

/**
 * @typedef {object} Package
 * @property {string} id
 * @property {string} name
 * @property {number} quota_mb
 * @property {number} days 0 for ever
 * @property {boolean} unlimited
 * @property {number | null} fup_percent
 * @property {number | null} [fup_remaining_mb]
 */

/**
 * @typedef {object} Step what would be written, for whom, why
 * @property {string} member
 * @property {string} name
 * @property {string} what
 * @property {string} reason a word of REASONS
 * @property {string} why
 * @property {string} [router]
 */

/** @typedef {{member: string, name?: string, from: string, to: string}} Move */

/**
 * @typedef {object} Seen what a router would cost
 * @property {number} [writes]
 * @property {number} [prints]
 * @property {Record<string, number>} [reasons] reason → how many writes, of all, not of those listed
 * @property {string} [error]
 */

/**
 * @typedef {object} Plan
 * @property {Step[]} steps
 * @property {number} writes
 * @property {Record<string, string>} conflicts
 * @property {string[]} strangers
 * @property {Record<string, number>} statuses
 * @property {Record<string, number>} statuses_before
 * @property {Move[]} moved
 * @property {number} moves
 * @property {Record<string, Seen>} [routers]
 */

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
 * @property {Record<string, string>} conflicts
 */

/** @param {string} phone as kept (`628…`) @returns {string} as people write it */
export function localPhone(phone) {
  return phone.startsWith("62") ? `0${phone.slice(2)}` : phone;
}

/** @param {Row} row */
export function statusOf(row) {
  if (row.leaving) return "Sedang dihapus";
  if (row.account === "inactive") return "Dinonaktifkan";
  if (row.account === "active" && !row.approved) return "Menunggu persetujuan";
  return STATUSES[row.status] ?? row.status;
}

/** @param {Row} row */
export function routerWord(row) {
  if (row.leaving) return "menunggu bersih dari router";
  if (!row.pending) return "sesuai";
  const names = row.pending_on ?? [];
  return names.length ? `menunggu router: ${names.join(", ")}` : "menunggu router";
}

/** @param {Row} row @returns {number} how much of the quota is used, 0 to 1 */
export function usedShare(row) {
  if (row.unlimited || row.purchased_bytes <= 0) return 0;
  return Math.min(1, row.used_bytes / row.purchased_bytes);
}

/** @param {Row} row */
export function quotaWords(row) {
  if (row.unlimited) return `${sizeOf(row.used_bytes)} terpakai, tanpa batas`;
  if (row.purchased_bytes <= 0) return "Belum ada kuota";
  return `${sizeOf(row.used_bytes)} dari ${sizeOf(row.purchased_bytes)}`;
}

/**
 * @param {Row} row
 * @param {number} now unix seconds
 */
export function expiryWords(row, now) {
  if (row.expires_at === null) return "tanpa batas waktu";
  const days = (row.expires_at - now) / 86_400;
  if (days <= 0) return `berakhir ${spanWords(now - row.expires_at)} lalu`;
  return days < 1 ? `berakhir ${spanWords(row.expires_at - now)} lagi` : `${Math.ceil(days)} hari lagi`;
}

/**
 * @param {Turn} turn
 * @param {(at: number) => string} moment
 */
export function turnWords(turn, moment) {
  const words = [turnWord(turn, moment)];
  if (turn.unlimited) words.push("tanpa batas kuota");
  else if (turn.state !== "spent") words.push(`sisa ${sizeOf(turn.remaining_bytes)}`);
  words.push(turn.expires_at === null ? "tanpa batas waktu" : `sampai ${moment(turn.expires_at)}`);
  return words.join(" · ");
}

/**
 * @param {Turn} turn
 * @param {(at: number) => string} moment
 */
function turnWord(turn, moment) {
  if (turn.state === "in_use") return "Dipakai sekarang";
  if (turn.state === "spent") return "Kuota habis";
  if (turn.state === "unused") return "Tidak terpakai: yang tanpa batas lebih dulu";
  return turn.begins_at === null ? "Dipakai berikutnya" : `Dipakai mulai ${moment(turn.begins_at)}`;
}

/** @param {number} seconds @returns {string} in its largest unit alone */
export function spanWords(seconds) {
  const units = /** @type {[number, string][]} */ ([
    [86_400, "hari"],
    [3_600, "jam"],
    [60, "menit"],
  ]);
  for (const [size, name] of units) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`;
  }
  return `${Math.max(0, Math.round(seconds))} detik`;
}

/** @param {number} ms */
export function tookWords(ms) {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${decimal(ms / 1_000)} detik`;
}

/**
 * @param {Omit<Package, "id" | "name">} terms
 * @param {number} housePercent where fair use begins unless the package says
 */
export function packageWords(terms, housePercent) {
  const words = [terms.unlimited ? "Tanpa batas kuota" : megabytes(terms.quota_mb)];
  words.push(terms.days > 0 ? `${terms.days} hari` : "tanpa batas waktu");
  if (terms.unlimited) return words.join(", ");
  if (terms.fup_remaining_mb) words.push(`pelan saat sisa ${megabytes(terms.fup_remaining_mb)}`);
  else words.push(slowAfter(terms.fup_percent ?? housePercent));
  return words.join(", ");
}

/** @param {number} percent */
function slowAfter(percent) {
  return percent >= 100 ? "tidak pernah pelan" : `pelan setelah ${percent} %`;
}

// The plan -------------------------------------------------------------------------------------

/** @type {Record<string, string>} by `reason` of a step: jobs/hotspot/plan/parts.py names them */
export const REASONS = {
  no_user: "Belum ada akunnya di router",
  spare_user: "Akunnya dobel di router",
  user_profile: "Profil kecepatannya berubah",
  user_switch: "Akunnya dihidupkan atau dimatikan",
  user_mark: "Nama atau tandanya di router berubah",
  deleted: "Anggota dihapus",
  barred: "Tidak boleh internetan lagi",
  cookie: "Cookie lama akan meloloskannya lagi",
  logged_in: "Masih masuk, harus keluar dulu",
  gets_past: "Perangkatnya masih lolos",
  no_longer: "Perangkat yang sudah dilepas",
  no_binding: "Perangkatnya belum tercatat di router",
  binding_type: "Perangkatnya pindah antara lewat langsung dan lewat login",
  binding_differs: "Perangkatnya berbeda dari catatan",
  profile_at_login: "Harus masuk lagi supaya kecepatannya berubah",
  old_verdict: "Dinilai dengan aturan lama, harus dinilai ulang",
  login: "Dimasukkan dari sini supaya tersambung",
};

/**
 * @typedef {object} Group
 * @property {string} router "" where the plan names none
 * @property {string} reason
 * @property {number} count
 * @property {{member: string, name: string, what: string, why: string}[]} steps
 */

/**
 * Steps with the same reason at the same router, the most frequent first within each router. Of a
 * large plan not every step is listed; then the router's own counts say how many there are.
 *
 * @param {Step[]} steps
 * @param {Record<string, Seen>} [routers]
 * @returns {Group[]}
 */
export function groupsOf(steps, routers = {}) {
  /** @type {Map<string, Group>} */
  const groups = new Map();
  const groupAt = (/** @type {string} */ router, /** @type {string} */ reason) => {
    const key = `${router}\n${reason}`;
    const group = groups.get(key) ?? { router, reason: REASONS[reason] ?? reason, count: 0, steps: [] };
    groups.set(key, group);
    return group;
  };
  for (const { router = "", reason, ...step } of steps) {
    const group = groupAt(router, reason);
    group.steps.push(step);
    if (!routers[router]?.reasons) group.count += 1;
  }
  for (const [router, { reasons = {} }] of Object.entries(routers)) {
    for (const [reason, count] of Object.entries(reasons)) groupAt(router, reason).count += count;
  }
  return [...groups.values()].sort(
    (one, other) => one.router.localeCompare(other.router) || other.count - one.count,
  );
}

/** @type {Record<string, string>} */
const PLACES = { user: "akun", "ip-binding": "perangkat", cookie: "cookie", active: "sesi", host: "host" };

/** @type {Record<string, string>} */
const VERBS = { add: "ditambah", set: "diubah", remove: "dihapus", login: "dimasukkan" };

/** @param {string} what as the plan has it: path and verb */
export function writeWords(what) {
  const [path = "", verb = ""] = what.split(" ");
  const place = PLACES[path.split("/").at(-1) ?? ""];
  return place && VERBS[verb] ? `${place} ${VERBS[verb]}` : what;
}

/**
 * @param {Record<string, number>} statuses
 * @returns {{status: string, label: string, count: number}[]} those with anybody in them, in order
 */
export function sharesOf(statuses) {
  return Object.entries(STATUSES)
    .map(([status, label]) => ({ status, label, count: statuses[status] ?? 0 }))
    .filter(({ count }) => count > 0);
}

// Troubles -------------------------------------------------------------------------------------

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
  const taken = Object.keys(run.conflicts).length;
  const words = run.errors.map(troubleWords);
  if (taken) words.push(`${taken} anggota bentrok dengan isi router milik orang lain.`);
  return [...new Set(words)];
}

/** @param {Run} run @returns {string} one line of what a run came to */
export function runWords(run) {
  if (run.state !== "done") return RUN_STATES[run.state] ?? run.state;
  const waits = run.pending ? `, ${run.pending} masih menunggu` : "";
  return `${run.writes ? `${run.writes} perubahan` : "sudah sesuai"}${waits} (${tookWords(run.took_ms)})`;
}
