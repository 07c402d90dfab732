// @ts-check
/** What a router pass would write, for whom and why, in Indonesian. Pure: data in, words out. */

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
