// @ts-check
/**
 * What a phone remembers of attendance: its own id, and which meetings it filled in today. The
 * first of three layers; it spares a request and decides nothing. Storage may be missing.
 */

import { newUuid } from "../lib/uuid.js";

const DEVICE_KEY = "attendance_device_id";
const ENTRY_PREFIX = "attendance_submitted_";
const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** @typedef {{name: string, class: string, timestamp: string, attendanceId: string, day?: string}} Entry */

/**
 * This device's id: the kept one, else the one that the server's cookie remembers, else a new one.
 *
 * @param {Storage | null} storage
 * @param {string} remembered
 * @returns {string} UUID v4
 */
export function deviceId(storage, remembered = "") {
  const kept = read(storage, DEVICE_KEY);
  if (UUID_V4.test(kept)) return kept;
  const id = UUID_V4.test(remembered) ? remembered : newUuid();
  write(storage, DEVICE_KEY, id);
  return id;
}

/**
 * Whether this device has filled in this meeting today. Entries of other days, broken ones and
 * those that the teacher took back are deleted.
 *
 * @param {Storage | null} storage
 * @param {{meeting: string, device: string, day: string, zone: string, revoked: string[]}} where
 * @returns {Entry | null}
 */
export function recall(storage, { meeting, device, day, zone, revoked }) {
  const own = `${ENTRY_PREFIX}${meeting}_${device}`;
  for (const key of entryKeys(storage)) {
    const entry = asEntry(read(storage, key));
    const gone = !entry || dayOf(entry, zone) < day || revoked.includes(entry.attendanceId);
    if (gone || (key === own && dayOf(entry, zone) !== day)) remove(storage, key);
  }
  return asEntry(read(storage, own));
}

/**
 * @param {Storage | null} storage
 * @param {string} meeting
 * @param {string} device
 * @param {Entry} entry
 */
export function remember(storage, meeting, device, entry) {
  write(storage, `${ENTRY_PREFIX}${meeting}_${device}`, JSON.stringify(entry));
}

/**
 * Names and classes go, as on a shared computer; the device keeps its id.
 *
 * @param {Storage | null} storage
 */
export function forgetEntries(storage) {
  for (const key of entryKeys(storage)) remove(storage, key);
}

/** @returns {Storage | null} null where the browser forbids it */
export function localStore() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/**
 * @param {number | Date} moment
 * @param {string} zone IANA name; one the browser does not know falls back to its own
 * @returns {string} `2026-11-21`
 */
export function dateIn(moment, zone) {
  const parts = /** @type {const} */ ({ year: "numeric", month: "2-digit", day: "2-digit" });
  try {
    return new Intl.DateTimeFormat("en-CA", { ...parts, timeZone: zone }).format(moment);
  } catch {
    return new Intl.DateTimeFormat("en-CA", parts).format(moment);
  }
}

/**
 * @param {Entry} entry
 * @param {string} zone
 */
function dayOf(entry, zone) {
  const moment = new Date(entry.timestamp);
  return entry.day ?? (Number.isNaN(moment.getTime()) ? "" : dateIn(moment, zone));
}

/**
 * @param {string} text
 * @returns {Entry | null}
 */
function asEntry(text) {
  try {
    const entry = JSON.parse(text || "null");
    return entry && typeof entry.attendanceId === "string" ? entry : null;
  } catch {
    return null;
  }
}

/** @param {Storage | null} storage */
function entryKeys(storage) {
  const keys = [];
  for (let at = 0; storage && at < storage.length; at += 1) keys.push(storage.key(at) ?? "");
  return keys.filter((key) => key.startsWith(ENTRY_PREFIX));
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 */
function read(storage, key) {
  try {
    return storage?.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 * @param {string} value
 */
function write(storage, key, value) {
  try {
    storage?.setItem(key, value);
  } catch {
    // A full or forbidden storage leaves the two layers of the server.
  }
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 */
function remove(storage, key) {
  try {
    storage?.removeItem(key);
  } catch {
    // As above.
  }
}
