// @ts-check
/**
 * What the hotspot's operator reads of a member: status, quota, packages. Pure: data in, words out;
 * what is not known here is shown as it came.
 */

import { megabytes, sizeOf } from "../lib/sizes.js";

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
 * @property {InTheWay[]} [obstacles] what is in the way, and whose it is
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
 * @typedef {object} InTheWay a row of somebody else's on a router, or what the router refused
 * @property {string} router
 * @property {string} kind
 * @property {string} whose its comment, or the router's words
 * @property {string} where its MAC, address or name
 * @property {string} mark names the row as it is; "" where there is none to decide on
 * @property {string} decision `take`, `leave` or ""
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
  const ways = row.obstacles ?? [];
  if (ways.length) return `bentrok di router: ${ways.map(({ router }) => router).join(", ")}`;
  const names = row.pending_on ?? [];
  return names.length ? `menunggu router: ${names.join(", ")}` : "menunggu router";
}

/** @type {Record<string, (where: string) => string>} */
const IN_THE_WAY = {
  user: (where) => `Pengguna ${where} di router milik orang lain`,
  binding: (where) => `Binding ${where} milik orang lain`,
  address: (where) => `Binding alamat ${where} milik orang lain`,
  passes: (where) => `Binding ${where} milik orang lain masih meloloskan perangkatnya`,
  refused: () => "Router menolak",
};

/** @param {InTheWay} seen what is in the way, and whose it is */
export function obstacleWords({ router, kind, whose, where, decision }) {
  const what = (IN_THE_WAY[kind] ?? ((there) => `${kind} ${there}`))(where);
  const owner = whose ? `: “${whose}”` : kind === "refused" ? "" : ", tanpa keterangan";
  const decided = { take: " Akan diambil alih.", leave: " Dibiarkan." }[decision] ?? "";
  return `${router}: ${what}${owner}.${decided}`;
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

/**
 * @param {Record<string, number>} statuses
 * @returns {{status: string, label: string, count: number}[]} those with anybody in them, in order
 */
export function sharesOf(statuses) {
  return Object.entries(STATUSES)
    .map(([status, label]) => ({ status, label, count: statuses[status] ?? 0 }))
    .filter(({ count }) => count > 0);
}
