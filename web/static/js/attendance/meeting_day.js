// @ts-check
/**
 * One day of a meeting as a board or list shows it: who came, who is missing, what was refused.
 * Pure: takes the server's list and its changes in whatever order they arrive.
 */

export const STATUSES = ["HADIR", "TERLAMBAT", "IZIN", "TIDAK_HADIR"];

/** @type {Record<string, string>} */
export const STATUS_WORDS = {
  HADIR: "Hadir",
  TERLAMBAT: "Terlambat",
  IZIN: "Izin",
  TIDAK_HADIR: "Tidak hadir",
};

/** @type {Record<string, string>} */
export const REFUSAL_WORDS = {
  COOKIE_DUPLICATE: "Perangkat sudah dipakai",
  DEVICE_DUPLICATE: "Perangkat sudah dipakai",
  USER_DUPLICATE: "Nama sudah tercatat",
  RATE_LIMIT: "Terlalu banyak percobaan",
  NOT_LISTED: "Nama tidak ada di daftar",
  PRESENCE_REQUIRED: "Tanpa memindai kode",
  MEETING_INACTIVE: "Saat tidak aktif",
  MEETING_ENDED: "Sesudah selesai",
  MEETING_NOT_STARTED: "Sebelum dimulai",
};

/** @type {Record<string, string>} */
export const FLAG_WORDS = {
  shared_device: "satu perangkat, dua nama",
  many_devices: "satu nama, banyak perangkat",
  device_of_another: "perangkat pernah dipakai siswa lain",
  device_renamed: "data browser baru dihapus",
  alike: "mirip perangkat sebelumnya",
  like_a_script: "terlalu cepat untuk manusia",
};

/** How the page's line is, in words. @type {Record<string, string>} */
export const LINE_STATES = {
  connecting: "Menyambung…",
  live: "Langsung",
  reconnecting: "Menyambung kembali…",
  stopped: "Terputus",
};

/** Refused attempts that are kept in view; the server keeps more. */
const MOST_REFUSED = 100;

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} student_id
 * @property {string} student_name
 * @property {string} class
 * @property {string} status
 * @property {string} recorded_at
 * @property {string} day
 * @property {string} source
 * @property {string} reason
 * @property {string} device
 * @property {string[]} flags
 * @property {number} changed_at
 * @property {boolean} [revoked]
 *
 * @typedef {{id: string, name: string, class: string}} Person
 * @typedef {{id: string, title: string, is_active: boolean, rotating: boolean, students: number,
 *   deleted?: boolean}} Meeting
 * @typedef {{day: string, attendances: Row[], missing: Person[], refused: Refusal[],
 *   meeting: Meeting}} Snapshot answer of `/api/admin/meetings/{id}/attendance`
 * @typedef {{new_attendances?: Row[], updated_attendances?: Row[], refused_attempts?: Refusal[]}} Changes
 * @typedef {{type: string, name: string, class: string, device: string, at: string, winner: string, flags: string[]}} Refusal
 */

export class MeetingDay {
  day = "";
  listed = 0;
  /** @type {Refusal[]} */ refused = [];
  /** @type {Map<string, Row>} */ #rows = new Map();
  /** @type {Person[]} */ #absent = [];

  /** @param {Snapshot} snapshot */
  load({ day, attendances, missing, refused, meeting }) {
    this.day = day;
    this.listed = meeting.students;
    this.refused = refused;
    this.#rows = new Map();
    this.#absent = missing;
    for (const row of attendances) this.#take(row);
  }

  /**
   * @param {Changes} changes
   * @returns {Row[]} those that were not there before
   */
  apply({ new_attendances = [], updated_attendances = [], refused_attempts = [] }) {
    const fresh = new_attendances.filter((row) => this.#take(row));
    for (const row of updated_attendances) this.#take(row);
    this.refused = [...refused_attempts].reverse().concat(this.refused).slice(0, MOST_REFUSED);
    return fresh;
  }

  /**
   * Whether changes are of a later day than the one in view: midnight has passed.
   *
   * @param {{new_attendances?: Row[]}} changes
   */
  isOver({ new_attendances = [] }) {
    return new_attendances.some((row) => row.day > this.day);
  }

  /**
   * A row counts unless a later change of the same student is known already.
   *
   * @param {Row} row
   * @returns {boolean} whether the student was not there before
   */
  #take(row) {
    if (row.day !== this.day) return false;
    const before = this.#rows.get(row.student_id);
    if (row.revoked) {
      if (before?.id === row.id) this.#leave(before);
      return false;
    }
    if (before && before.changed_at > row.changed_at) return false;
    this.#rows.set(row.student_id, row);
    this.#absent = this.#absent.filter((one) => one.name !== row.student_name || one.class !== row.class);
    return !before;
  }

  /** @param {Row} row */
  #leave(row) {
    this.#rows.delete(row.student_id);
    if (this.listed) this.#absent = [...this.#absent, absentOf(row)];
  }

  /** Newest first. */
  get rows() {
    return [...this.#rows.values()].sort((one, other) =>
      other.recorded_at < one.recorded_at ? -1 : other.recorded_at > one.recorded_at ? 1 : 0,
    );
  }

  /** @returns {Person[]} listed, and not there */
  get missing() {
    return this.#absent;
  }

  /** How many have each status, and `total`. */
  get counts() {
    /** @type {Record<string, number>} */
    const counts = { total: this.#rows.size };
    for (const status of STATUSES) counts[status] = 0;
    for (const { status } of this.#rows.values()) counts[status] += 1;
    return counts;
  }
}

/**
 * @param {Row} row
 * @returns {Person}
 */
function absentOf({ student_id, student_name, class: of }) {
  return { id: student_id, name: student_name, class: of };
}

/**
 * The form in which names are compared, as the server does: one kind of blank, dash, apostrophe.
 *
 * @param {string} text
 */
export function folded(text) {
  const plain = text.replace(/[\u2018\u2019\u201b\u0060\u00b4\u02b9\u02bb-\u02bf\u2032\u2035]/g, "'").normalize("NFKC");
  return plain.replace(/[\p{Pd}\u2212]/gu, "-").replace(/\p{Cf}/gu, "").replace(/\s+/g, " ").trim().toLowerCase();
}

/** @param {string} moment ISO 8601 in the meeting's zone @returns {string} `07.03.12` */
export function clockOf(moment) {
  return moment.slice(11, 19).replaceAll(":", ".");
}

/**
 * A time typed into a form, as the clocks of a zone show it, with that zone's offset.
 *
 * @param {string} typed `2026-11-21T07:00`
 * @param {string} zone IANA name
 * @returns {string} ISO 8601 with offset
 */
export function withZone(typed, zone) {
  const wanted = Date.parse(`${typed}:00Z`);
  // Once for the guess, once more where the guess lies on the other side of a change of clocks.
  const near = wanted - offsetMs(wanted, zone);
  const offset = offsetMs(near, zone);
  const sign = offset < 0 ? "-" : "+";
  const minutes = Math.abs(offset) / 60_000;
  const two = (/** @type {number} */ number) => String(Math.floor(number)).padStart(2, "0");
  return `${typed}:00${sign}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/**
 * @param {number} moment
 * @param {string} zone
 */
function offsetMs(moment, zone) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(moment);
  const part = (/** @type {string} */ type) => parts.find((one) => one.type === type)?.value;
  const shown = `${part("year")}-${part("month")}-${part("day")}T${part("hour")}:${part("minute")}:${part("second")}Z`;
  return Date.parse(shown) - Math.floor(moment / 1000) * 1000;
}
