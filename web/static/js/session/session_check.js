// @ts-check
/**
 * Asks the server by HTTP whether the page's session lives: soon after a doubt, once for all doubts,
 * and again and again while the same browser's new cookie is on its way.
 */

import { reply } from "../lib/ask.js";

/** A page from the back button stays hidden while it is being checked, but not for ever. */
const DEADLINE_MS = 5_000;

/** Two checks are this far apart; doubts in between share the next. */
const EVERY_MS = 2_000;

/**
 * The same browser logged in again: its new cookie arrives after the server's grace, so ask a few
 * times before believing that the session is gone.
 */
const RENEWAL_TRIES = 10;
const RENEWAL_WAIT_MS = 700;

/** Codes of answers that say the session has ended. */
const ENDED = new Set([401, 419]);

/** @typedef {{member?: {username: string}, session?: {sid: string, device_id: string}}} Standing */

export class SessionCheck {
  #onEnded;
  #onAlive;
  #askedAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * @param {{onEnded: (answer: import("../lib/ask.js").Answer) => void,
   *   onAlive: (standing: Standing) => void}} options
   */
  constructor({ onEnded, onAlive }) {
    this.#onEnded = onEnded;
    this.#onAlive = onAlive;
  }

  /** The session may have ended unheard: check soon. */
  soon() {
    clearTimeout(this.#timer);
    const wait = Math.max(0, this.#askedAt + EVERY_MS - Date.now());
    this.#timer = setTimeout(() => void this.now(), wait);
  }

  async now() {
    this.#askedAt = Date.now();
    const answer = await askSession();
    if (answer && ENDED.has(answer.status)) this.#onEnded(answer);
    if (answer?.ok) this.#onAlive(answer.body);
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /**
   * Waits for the session that follows one of this browser's.
   *
   * @param {string} sid of the one that was replaced; within the grace it still answers
   * @returns {Promise<boolean>} whether there is one, which `onAlive` was told
   */
  async outlives(sid) {
    for (let tries = 0; tries < RENEWAL_TRIES; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, RENEWAL_WAIT_MS));
      const answer = await askSession();
      if (answer?.ok && answer.body.session?.sid !== sid) {
        this.#onAlive(answer.body);
        return true;
      }
    }
    return false;
  }
}

/**
 * Whether a page was made for another member or device than the cookie stands for now.
 *
 * @param {Element} guard with `user` and `device-id`
 * @param {Required<Standing>} standing
 */
export function isAnothers(guard, { member, session }) {
  const differs = (/** @type {string} */ name, /** @type {string} */ value) =>
    guard.hasAttribute(name) && guard.getAttribute(name) !== value;
  return differs("user", member.username) || differs("device-id", session.device_id);
}

function askSession() {
  return reply("/api/session", { deadlineMs: DEADLINE_MS });
}
