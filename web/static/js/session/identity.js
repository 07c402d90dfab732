// @ts-check
/**
 * Which browser and which tab this is. Both are labels: they authorise nothing, the session
 * cookie does.
 */

import { newUuid } from "../lib/uuid.js";

const BROWSER_KEY = "browser_id";
const TAB_KEY = "tab_id";

/** Held for as long as a tab is open; what proves that an id is already somebody's. */
const TAB_LOCK = "jaga:tab:";

/**
 * How long a page waits for the page before it in the same tab to let go of the tab's id. Only a
 * duplicated tab waits this long; a reload finds the id free.
 */
const HANDOVER_MS = 300;

/**
 * The id all tabs of this browser share.
 *
 * @param {Storage | null} [storage]
 * @returns {string} UUID v4
 */
export function browserId(storage = localStore()) {
  const kept = storage?.getItem(BROWSER_KEY);
  if (kept) return kept;
  const id = newUuid();
  keep(storage, BROWSER_KEY, id);
  return id;
}

/**
 * The id of this tab alone, ours until `release`. A duplicated tab arrives with a copy of the
 * other's sessionStorage; it finds the id taken and gets one of its own.
 *
 * @param {{storage?: Storage | null, locks?: LockManager | null, waitMs?: number}} [options]
 * @returns {Promise<{id: string, release: () => void}>}
 */
export async function claimTabId({
  storage = sessionStore(),
  locks = navigator.locks ?? null,
  waitMs = HANDOVER_MS,
} = {}) {
  const kept = storage?.getItem(TAB_KEY);
  const id = kept ?? newTabId();
  const release = locks ? await holdLock(locks, TAB_LOCK + id, waitMs) : () => {};
  if (release) {
    keep(storage, TAB_KEY, id);
    return { id, release };
  }
  storage?.removeItem(TAB_KEY);
  return claimTabId({ storage, locks, waitMs });
}

/** Drops what belongs to the ended session; the browser's own id stays. */
export function forget(storage = sessionStore()) {
  storage?.removeItem(TAB_KEY);
}

/**
 * @param {number} [nowMs]
 * @param {() => number} [random]
 * @returns {string} `tab_{milliseconds}_{7 base 36}`
 */
export function newTabId(nowMs = Date.now(), random = Math.random) {
  const tail = random().toString(36).slice(2, 9).padEnd(7, "0");
  return `tab_${nowMs}_${tail}`;
}

/**
 * @param {LockManager} locks
 * @param {string} name
 * @param {number} waitMs
 * @returns {Promise<(() => void) | null>} what lets go of the lock, or null when another holds it
 */
function holdLock(locks, name, waitMs) {
  return new Promise((resolve) => {
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), waitMs);
    locks
      .request(name, { signal: patience.signal }, () => {
        clearTimeout(timer);
        return new Promise((/** @type {(value?: undefined) => void} */ release) => {
          resolve(() => release());
        });
      })
      .catch(() => {
        clearTimeout(timer);
        resolve(null);
      });
  });
}

/**
 * @param {Storage | null} storage
 * @param {string} key
 * @param {string} value
 */
function keep(storage, key, value) {
  try {
    storage?.setItem(key, value);
  } catch {
    // A full or forbidden storage costs a new id at the next page, nothing else.
  }
}

/** @returns {Storage | null} null where the browser forbids storage */
function localStore() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** @returns {Storage | null} null where the browser forbids storage */
function sessionStore() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
